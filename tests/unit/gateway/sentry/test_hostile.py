"""Hostile Sentry input: bounded, answered with what was wrong, and never a 5xx."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import brotli
import orjson
import pytest
from backports import zstd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.gateway.sentry.edge import ID, KEY, PATH, Edge, envelope

from tidegate_gateway.sentry.items import HANDLERS, MAX_EVENTS

AT = 1772366400.0
BOMB = b"{}\n" + b"\n" * 40_000_000
PATHS = (PATH, "/api/1/store/", "/api/1/cron/nightly/")
BOMBS = {
    "gzip": gzip.compress(BOMB),
    "deflate": zlib.compress(BOMB),
    "zstd": zstd.compress(BOMB),
    "br": brotli.compress(BOMB, quality=1),
}
FUZZED = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("encoding", sorted(BOMBS))
def test_a_bomb_in_any_encoding_stops_at_the_cap(path: str, encoding: str) -> None:
    answer = Edge().post(BOMBS[encoding], path, **{"Content-Encoding": encoding})
    assert (answer.status_code, answer.json()["error"]["reason"]) == (413, "oversize")
    assert "inflates to more than" in answer.headers["X-Sentry-Error"]


@pytest.mark.parametrize("encoding", [*sorted(BOMBS), "nonsense"])
def test_what_is_no_stream_of_its_encoding_is_malformed(encoding: str) -> None:
    for body in (b"nonsense", zstd.compress(b"{}\n") + b"tail", gzip.compress(b"{}\n")[:-4]):
        answer = Edge().post(body, **{"Content-Encoding": encoding})
        assert answer.status_code == 400


@pytest.mark.parametrize("nested", ["[" * 100_000, '{"a":' * 100_000, "[" * 900 + "]" * 900])
@pytest.mark.parametrize("kind", sorted(HANDLERS))
def test_deep_json_is_an_answer(nested: str, kind: str) -> None:
    answer = Edge().send(({"type": kind}, f'{{"extra":{nested}}}'.encode()), event_id=ID)
    assert answer.status_code in {200, 400}


def test_thousands_of_items_are_refused_and_thousands_of_spans_bounded() -> None:
    edge = Edge()
    assert edge.send(*[({"type": "event"}, {})] * 2_000).status_code == 413
    span = {"span_id": "a", "start_timestamp": AT, "timestamp": AT}
    transaction = {"start_timestamp": AT, "timestamp": AT, "spans": [span] * (MAX_EVENTS + 5)}
    answer = edge.post(gzip.compress(envelope(({"type": "transaction"}, transaction))), **{"Content-Encoding": "gzip"})
    assert answer.status_code == 200
    assert [each["reason"] for each in answer.json()["rejected"]] == ["oversize"]
    assert len(edge.events("span")) == MAX_EVENTS


def test_thousands_of_bad_spans_are_bounded_too() -> None:
    edge = Edge()
    transaction = {"start_timestamp": AT, "timestamp": AT, "spans": [{"start_timestamp": "never"}] * (MAX_EVENTS + 5)}
    answer = edge.post(gzip.compress(envelope(({"type": "transaction"}, transaction))), **{"Content-Encoding": "gzip"})
    assert answer.status_code == 200
    assert len(edge.letters()) <= MAX_EVENTS + 1


def test_a_client_report_of_thousands_of_entries_is_refused() -> None:
    entries = [{"reason": f"r{n}", "category": f"c{n}", "quantity": 1} for n in range(1_001)]
    edge = Edge()
    assert edge.send(({"type": "client_report"}, {"discarded_events": entries})).json()["rejected"]
    assert edge.dropped() == {}


SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
TIMES = st.sampled_from([AT, "2026-03-01T12:00:00Z", "0001-01-01T00:00:00Z", 1e300, -1e300, "never"])
JSON = st.recursive(
    SCALARS | TEXT | TIMES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)
# fmt: off
FIELDS = [
    "event_id", "timestamp", "start_timestamp", "end_timestamp", "exception", "values", "type", "value",
    "stacktrace", "frames", "mechanism", "threads", "contexts", "trace", "feedback", "message", "comments",
    "breadcrumbs", "debug_meta", "images", "request", "headers", "user", "id", "tags", "extra", "level", "spans",
    "span_id", "trace_id", "op", "description", "data", "measurements", "status", "items", "attributes", "body",
    "severity_number", "sid", "seq", "started", "init", "errors", "duration", "attrs", "release", "environment",
    "aggregates", "exited", "crashed", "did", "check_in_id", "monitor_slug", "monitor_config", "discarded_events",
    "reason", "category", "quantity", "logentry", "fingerprint", "sdk", "transaction",
]
# fmt: on
OBJECTS = st.recursive(
    st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6),
    lambda inner: st.dictionaries(st.sampled_from(FIELDS), inner | st.lists(inner, max_size=3) | JSON, max_size=6),
    max_leaves=8,
)
HEADERS = st.dictionaries(st.sampled_from(["event_id", "sent_at", "dsn", "trace", "sdk"]), JSON, max_size=3)
ITEM_HEADERS = st.dictionaries(st.sampled_from(["item_count", "content_type", "filename"]), JSON, max_size=2)


FUZZ = Edge()


@FUZZED
@given(kind=st.sampled_from([*sorted(HANDLERS), "attachment"]), payload=OBJECTS, header=HEADERS, head=ITEM_HEADERS)
def test_no_item_makes_the_gateway_fail(kind: str, payload: Any, header: dict[str, Any], head: dict[str, Any]) -> None:
    body = b"\n".join([orjson.dumps(header), orjson.dumps({**head, "type": kind}), orjson.dumps(payload), b""])
    answer = FUZZ.post(body)
    assert answer.status_code in {200, 400, 413}
    if answer.status_code != 200:
        assert answer.headers["X-Sentry-Error"]


@FUZZED
@given(body=st.binary(max_size=300), path=st.sampled_from([*PATHS, "/api/1/security/", "/api/1/minidump/"]))
def test_no_bytes_make_the_gateway_fail(body: bytes, path: str) -> None:
    assert FUZZ.post(body, path).status_code in {200, 202, 400, 413}


@FUZZED
@given(lengths=st.lists(st.integers(-5, 60) | JSON, max_size=4), content=st.binary(max_size=80))
def test_no_length_makes_the_gateway_fail(lengths: list[Any], content: bytes) -> None:
    items = b"".join(orjson.dumps({"type": "event", "length": length}) + b"\n" + content + b"\n" for length in lengths)
    assert FUZZ.post(b"{}\n" + items).status_code in {200, 400}


@FUZZED
@given(payload=OBJECTS)
def test_no_stored_event_makes_the_gateway_fail(payload: Any) -> None:
    assert FUZZ.post(orjson.dumps(payload), "/api/1/store").status_code in {200, 400, 413}


@FUZZED
@given(query=st.dictionaries(st.sampled_from(["status", "duration", "check_in_id", "environment"]), TEXT, max_size=4))
def test_no_check_in_makes_the_gateway_fail(query: dict[str, str]) -> None:
    answer = FUZZ.http.get(f"/api/1/cron/nightly/{KEY}/", params=query)
    assert answer.status_code in {202, 400}
    assert json.loads(answer.content)
