"""What a gate knows of other generations: their last ids, read from as near the end as is enough; on a real broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import polars as pl
import pytest
from confluent_kafka import Producer
from tests import backing

from tidegate_infra.broker.topics import create_topics, tidegate_topics
from tidegate_stream.gate import elsewhere
from tidegate_stream.gate.elsewhere import Elsewhere
from tidegate_stream.gate.seen import MARK_OFFSETS, Learnt, split_ids

pytestmark = pytest.mark.broker


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[str]:
    with backing.broker(tmp_path / "broker", 2) as broker:
        assert not Elsewhere(broker.bootstrap, "raw.track", "tidegate").look()
        create_topics(broker.bootstrap, tidegate_topics(1, generation=2))
        yield broker.bootstrap


def ids(numbers: range) -> pl.DataFrame:
    texts = pl.Series([str(UUID(int=each << 64 | each)) for each in numbers], dtype=pl.String)
    return split_ids(texts, pl.Series(range(len(numbers)), dtype=pl.Int64))


class Gates:
    """Gates of a kind, which write what they learnt in transactions, as the real ones do."""

    def __init__(self, brokers: str, name: str) -> None:
        self._producer = Producer({"bootstrap.servers": brokers, "transactional.id": name})
        self._producer.init_transactions(30)

    def pass_on(self, topic: str, partition: int, learnt: list[Learnt], *, commit: bool = True) -> None:
        for each in learnt:
            self._producer.begin_transaction()
            self._producer.produce(topic, each.encode(), partition=partition)
            self._producer.flush(30)
            if commit:
                self._producer.commit_transaction(30)
            else:
                self._producer.abort_transaction(30)


def held(there: Elsewhere, numbers: range) -> int:
    return int(there.known.holds(ids(numbers)).sum())


def always() -> bool:
    return True


def test_the_last_ids_of_all_partitions_together_are_known_and_no_more(
    brokers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere, "_FIRST_OFFSETS", 6)  # each record and its marker: three records at first
    gates = Gates(brokers, "last")
    for step in range(200):  # a hundred ids each; partition 1 gets a quarter of them
        learnt = Learnt(ids(range(step * 100, step * 100 + 100)), step)
        gates.pass_on("gate-ids.track", int(step % 4 == 3), [learnt])
    there = Elsewhere(brokers, "raw.track.g2", "tidegate", span=1500)
    assert there.look()
    assert there.catch_up(always)
    horizon = there.known.horizon_ms
    assert horizon is not None
    assert 0 < horizon <= 185 + MARK_OFFSETS // 100
    assert held(there, range(horizon * 100, 20_000)) == 20_000 - horizon * 100
    assert held(there, range(18_500, 20_000)) == 1500
    assert len(there.known) < 10_000
    whole = Elsewhere(brokers, "raw.track.g2", "tidegate", span=50_000)
    assert whole.look()
    assert whole.catch_up(always)
    assert held(whole, range(20_000)) == 20_000
    assert whole.known.horizon_ms is None


def test_what_is_passed_later_on_is_learnt_at_the_next_chunk_and_what_is_aborted_never(brokers: str) -> None:
    gates = Gates(brokers, "later")
    early, late = Elsewhere(brokers, "raw.span", "tidegate"), Elsewhere(brokers, "raw.span.g2", "tidegate")
    assert early.look()
    assert early.catch_up(always)
    gates.pass_on("gate-ids.span.g2", 0, [Learnt(ids(range(5)), 7)])
    gates.pass_on("gate-ids.span.g2", 0, [Learnt(ids(range(5, 9)), 8)], commit=False)
    assert held(early, range(9)) == 0
    assert early.catch_up(always)
    assert held(early, range(9)) == 5
    assert late.look()
    assert late.catch_up(always)
    assert held(late, range(9)) == 0
