"""Canaries sent by every protocol are in no store past the gate; and a gate that keeps everything is found out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.privacy import stack
from tests.privacy.planting import CLOSED, ECHOES, Canary
from tests.privacy.report import Report
from tests.privacy.run import run

pytestmark = [pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.timeout(300)]
CANARIES = 10_000
FEW = 3_000
#: Carriers of which nothing is kept, so that a gate without rules keeps nothing of them either, or only by chance.
UNREAD = CLOSED | ECHOES | {"header", "local variable", "refused", "topic key"}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    with stack.running(tmp_path_factory.mktemp("privacy")) as running:
        return run(running, CANARIES, seed=11)


@pytest.fixture(scope="module")
def leaky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Report]:
    with stack.running(tmp_path_factory.mktemp("leaky"), stack.LEAKY) as running:
        yield run(running, FEW, seed=12)


def test_no_canary_of_a_claimed_kind_is_in_any_store(report: Report) -> None:
    print("\n".join(report.lines()))  # noqa: T201 - the bound that the run proves
    assert report.claimed_tries > 0.7 * CANARIES
    assert [leak.told for leak in report.broken] == []
    assert not report.exit_code


def test_every_store_was_looked_at(report: Report) -> None:
    expected = {"ClickHouse files", "ClickHouse tables", "answers", "changelogs", "clean topics", "dead-letters"}
    expected |= {"gate-ids topics", "logs", "metrics", "outcomes", "state"}
    assert expected <= {name for name, size in report.bytes_scanned.items() if size}


def test_control_a_gate_that_keeps_every_text_is_found_out_by_every_kind_encoding_and_carrier(leaky: Report) -> None:
    assert leaky.exit_code
    found = [leak.canary for leak in leaky.broken]

    def missing(name: str, canaries: list[Canary]) -> set[str]:
        return {getattr(each, name) for each in canaries} - {getattr(each, name) for each in found}

    tried = [each for each in leaky.canaries if each.claimed and each.carrier not in UNREAD]
    assert [missing(name, tried) for name in ("kind", "encoding", "carrier")] == [set(), set(), set()]
    stores = {store for leak in leaky.broken for store in leak.stores}
    assert {"ClickHouse files", "ClickHouse tables", "changelogs", "clean topics"} <= stores
