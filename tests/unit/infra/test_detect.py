"""The stronger detector: which texts it is shown, what is told of them, and that nothing personal is."""

from __future__ import annotations

import importlib.util
import json
import socket
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tidegate_infra.errors import DetectorError
from tidegate_infra.privacy.detect import detector
from tidegate_infra.privacy.detect.command import look
from tidegate_infra.privacy.detect.findings import detected, listed
from tidegate_infra.privacy.detect.texts import Place, of_row
from tidegate_infra.settings import Settings
from tidegate_stream.gate.texts import scrub_text

INSTALLED = importlib.util.find_spec("presidio_analyzer") is not None
NOTE = Place("events_track", "properties", "order.note")
ROW = {
    "message": "refused for Jane Doe [email]",
    "properties": json.dumps(
        {
            "order": {"note": "call Jane Doe", "id": "4711", "tags": ["gift", "7"]},
            "jane@example.org": {"a": "Jane"},
            "of_4711": "Jane",
        }
    ),
}


def gate(text: str) -> Mapping[str, float]:
    """What the gate's patterns find."""
    return {"pattern": 0.9 if "[card]" in scrub_text(text) else 0.5} if scrub_text(text) != text else {}


def test_texts_are_known_by_table_column_and_property_and_no_key_is_told_that_is_no_name() -> None:
    assert list(of_row("events_error", ROW)) == [
        (Place("events_error", "message", ""), "refused for Jane Doe  "),
        (Place("events_error", "properties", "order.note"), "call Jane Doe"),
        (Place("events_error", "properties", "order.tags"), "gift"),
        (Place("events_error", "properties", "(not a plain name).a"), "Jane"),
        (Place("events_error", "properties", "(not a plain name)"), "Jane"),
    ]


def test_findings_count_texts_by_place_and_kind_and_show_none_of_them() -> None:
    mail, card = "write to jane@example.org", "paid with 4111 1111 1111 1111"
    texts = Counter({(NOTE, mail): 3, (NOTE, card): 1, (NOTE, "all is well"): 6, (Place("t", "body", ""), mail): 1})
    findings = detected(texts, gate, 0.4)
    assert [(each.place, each.hits, each.texts) for each in findings] == [(NOTE, 4, 10), (Place("t", "body", ""), 1, 1)]
    assert (findings[0].lowest, findings[0].highest) == (0.5, 0.9)
    lines = list(listed(findings))
    assert lines[1].split("  ") == ["events_track", "properties", "order.note", "pattern", "4 of 10", "0.50-0.90"]
    assert not any(each in line for each in ("jane", "4111") for line in lines)
    assert [each.hits for each in detected(texts, gate, 0.6)] == [1]


@pytest.mark.skipif(INSTALLED, reason="is about an installation without the extra")
def test_without_the_extra_the_command_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match=r"pip install 'tidegate\[stack,presidio\]'"):
        look(Settings(home=tmp_path), "default", datetime.now(UTC), 1, 0.4)


@pytest.mark.skipif(not INSTALLED, reason="needs the extra presidio: make detector")
def test_names_and_addresses_in_prose_are_found_and_nobody_is_asked_over_the_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []

    def refuse(*host: object, **_: object) -> None:
        asked.append(host)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    found = detector.presidio()
    told = found("Please call John Smith, 12 Baker Street, London, or write to john.smith@example.org")
    assert set(told) >= {"name of a person", "place or address", "e-mail"}
    assert all(0 < confidence <= 1 for confidence in told.values())
    assert found("the payment timed out after thirty seconds") == {}
    assert asked == []

    # Left to itself, what checks the domain of an e-mail address asks the internet: the check above sees that.
    import tldextract.tldextract as domains  # type: ignore[import-not-found] # noqa: PLC0415 - only with the extra

    monkeypatch.setattr(domains, "TLD_EXTRACTOR", domains.TLDExtract(cache_dir=None))
    found("write to john.smith@example.org")
    assert asked
