"""What the gate of a topic knows of the same kind's topics of other generations, so that copies are found there, too.

Another generation had another partition count: an event may have been in any of its partitions. So the ids of all of
them are remembered together, the last `span` ones. Workers read all generations at once; so a chunk waits until all
that lay in the topics of earlier generations when it came has passed there. Earlier ones never wait for later ones: no
two gates wait for each other, and a writer that never stops delays a later generation but doesn't halt it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import polars as pl
from confluent_kafka import KafkaException, Message

from tidegate_schemas.topics import generation_of, ids_topic, kind_of, raw_topic
from tidegate_stream.flight import holds_any
from tidegate_stream.gate.seen import SPAN_OFFSETS, Learnt, Seen
from tidegate_stream.log import Log, Marks, Place

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 0.2
#: Longer than the broker waits before it aborts the transaction of a gate that died: ids of an open one are waited for.
_TIMEOUT_SECONDS = 90.0
_TELL_SECONDS = 5.0
_FIRST_OFFSETS = 1_000
_FURTHER = 4


class Elsewhere:
    """The other generations of one raw topic. All calls block; use it from one thread at a time."""

    def __init__(self, brokers: str, topic: str, group: str, span: int = SPAN_OFFSETS) -> None:
        self._brokers, self._topic, self._group, self._span = brokers, topic, group, span
        self._log = Log(brokers, timeout_seconds=_TIMEOUT_SECONDS)
        self._raw_before: list[Place] = []
        self._ids_before: list[Place] = []
        self._ids_after: list[Place] = []
        self._passed: Marks | None = None  # where the earlier topics ended when all in them had passed
        self._read: dict[Place, int] = {}
        self._ids = 0
        self.known = Seen(span)
        self.waits = False
        """Whether a chunk is held back by an earlier generation just now."""

    def close(self) -> None:
        """Let go of the broker."""
        self._log.close()

    def look(self) -> bool:
        """Find out which other generations there are; whether there is one."""
        kind, own, counts = kind_of(self._topic), generation_of(self._topic), self._log.partitions()
        others = sorted({generation_of(name) for name in counts} - {own})
        before, after = [each for each in others if each < own], [each for each in others if each > own]
        self._raw_before = self._log.places(raw_topic(kind, each) for each in before)
        self._ids_before = self._log.places(ids_topic(kind, each) for each in before)
        self._ids_after = self._log.places(ids_topic(kind, each) for each in after)
        return bool(self._raw_before or self._ids_before or self._ids_after)

    def catch_up(self, go_on: Callable[[], bool]) -> bool:
        """Wait until what is in the earlier topics now has passed, then learn all ids that passed elsewhere.

        False if `go_on`, asked now and then, ended the waiting. Raises KafkaException where the broker stays away.
        """
        marks, places = self._ends(self._raw_before), self._ids_after
        if marks != self._passed:
            if not self._wait(marks, go_on):
                return False
            places = [*self._ids_before, *self._ids_after]
        self._learn(self._ends(places))
        self._passed = marks
        return True

    def _ends(self, places: Iterable[Place]) -> Marks:
        return {place: high for place, (_, high) in self._log.extents(places).items()}

    def _wait(self, marks: Marks, go_on: Callable[[], bool]) -> bool:
        told_at = time.monotonic() + _TELL_SECONDS
        try:
            while self._holds_any(marks):
                self.waits = True
                if not go_on():
                    return False
                if time.monotonic() > told_at:
                    told_at += 60 * _TELL_SECONDS
                    log.warning("%s waits for what is left in %s", self._topic, ", ".join({name for name, _ in marks}))
                time.sleep(_PAUSE_SECONDS)
        finally:
            self.waits = False
        return True

    def _holds_any(self, marks: Marks) -> bool:
        try:
            return holds_any(self._brokers, marks, self._group)
        except KafkaException:  # no answer for some seconds: the next one will tell
            return True

    def _learn(self, marks: Marks) -> None:
        """Read on up to the marks; a partition that is new to us only as far back as the span reaches."""
        new = {place: end for place, end in marks.items() if place not in self._read}
        if new:
            newest, whole = _newest(self._log, new, self._span)
            self._remember(newest)
            if not whole:
                self.known.forgot_some()
        begins = {place: self._read[place] for place in marks if place not in new}
        self._remember(_learnt(self._log.records(begins, marks)))
        self._read |= marks

    def _remember(self, learnt: Iterable[Learnt]) -> None:
        """In the order of time; numbered one after the other, as `Seen` forgets by number."""
        for each in sorted(learnt, key=lambda each: each.since_ms):
            numbers = pl.int_range(self._ids, self._ids + each.ids.height, dtype=pl.Int64, eager=True)
            self.known.learn(Learnt(each.ids.with_columns(numbers.alias("offset")), each.since_ms))
            self._ids += each.ids.height


@dataclass(frozen=True)
class Everywhere:
    """The memory of a partition, and of the other generations."""

    own: Seen
    others: Seen

    def duplicates(self, ids: pl.DataFrame) -> pl.Series:
        """As `Seen.duplicates`; an id that passed elsewhere is a copy, however long ago that was."""
        return self.own.duplicates(ids) | self.others.holds(ids)


def _newest(log: Log, ends: Marks, span: int) -> tuple[list[Learnt], bool]:
    """What the partitions learnt last, `span` ids in all if there are so many; and whether that is all there ever was.

    Further and further back: how many ids a record holds isn't known before it is read.
    """
    extents = log.extents(ends)
    back = _FIRST_OFFSETS
    while True:
        begins = {place: max(low, ends[place] - back) for place, (low, _) in extents.items()}
        found: dict[Place, list[Learnt]] = {place: [] for place in ends}
        for message in log.records(begins, ends):
            if (value := message.value()) and message.key() is None:
                found[message.topic() or "", message.partition() or 0].append(Learnt.decode(value))
        cut = [place for place, (low, _) in extents.items() if begins[place] > low]
        # Of a partition that was cut, nothing is known from before its first record here.
        since = max((found[place][0].since_ms if found[place] else 1 << 63 for place in cut), default=-(1 << 63))
        known = [each for learnt in found.values() for each in learnt if each.since_ms >= since]
        if not cut or sum(each.ids.height for each in known) >= span:
            return known, not cut and all(low == 0 for low, _ in extents.values())
        back *= _FURTHER


def _learnt(messages: Iterable[Message]) -> list[Learnt]:
    return [Learnt.decode(value) for message in messages if message.key() is None and (value := message.value())]
