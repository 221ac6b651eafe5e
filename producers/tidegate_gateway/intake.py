"""Where every protocol hands over: events and refusals in, the acknowledgement of Kafka or of the spool out."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from nacl.public import PublicKey, SealedBox

from tidegate.errors import PublishError, QueueFullError
from tidegate.foreign.errors import Problem, UnfitError
from tidegate.publish import Encoder, KeyAndValue, Publisher
from tidegate_gateway.delivery import Delivery
from tidegate_gateway.errors import RefusedError
from tidegate_gateway.metrics import EVENTS, REFUSED
from tidegate_gateway.numbers import Numbers
from tidegate_gateway.settings import Project
from tidegate_gateway.turns import Slices, Turns
from tidegate_schemas.errors import EncodeError, OversizeError
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.reasons import Reason
from tidegate_schemas.subjects import MAX_RAW_BYTES
from tidegate_schemas.topics import Kind

Event = dict[str, Any]


@dataclass(frozen=True)
class BadItem:
    """An item that can't become an event; its bytes are sealed into a dead letter."""

    index: int
    problem: Problem
    payload: bytes
    #: who numbered it and how, if it was numbered
    producer_id: str = ""
    sequence: int = 0


@dataclass(frozen=True)
class Report:
    """What a producer tells of its own counting: `quantity` events that it dropped, or, with the outcome `closed`, the
    last number that it gave. `number` names the report among the producer's: sent again, it counts once.
    """

    producer_id: str
    number: str
    kind: str
    outcome: str
    reason: str
    quantity: int
    #: the numbers of dropped events: pairs of first and last
    sequences: tuple[int, ...] = ()
    #: the minute that it belongs to, for one who says it the same way again; None: that of its receipt
    minute: datetime | None = None


@dataclass
class Batch:
    """What one request holds, sorted out by its protocol."""

    protocol: str
    events: list[tuple[Kind, Event]] = field(default_factory=list)
    bad: list[BadItem] = field(default_factory=list)
    #: items that we have no place for, by kind: counted, not kept
    dropped: Counter[tuple[str, Reason]] = field(default_factory=Counter)
    #: the same of items that can be named: sent again, they count once
    left_out: list[Report] = field(default_factory=list)
    #: what the producers themselves count, by the name of the protocol
    reports: list[Report] = field(default_factory=list)

    def refuse(self, index: int, error: UnfitError, payload: bytes) -> None:
        """Note an item that can't be taken; the others go on."""
        self.bad.append(BadItem(index, error.problem, payload))

    @property
    def rejected(self) -> list[dict[str, Any]]:
        """The bad items for an answer's body: place, reason, field and what is allowed."""
        return [{"index": item.index, **item.problem.as_json()} for item in self.bad]


EVENTS_A_SLICE = 100
#: Between two looks for what Kafka has answered, while a request waits for it, and while none does.
POLL_SECONDS, IDLE_SECONDS = 0.001, 0.1


class Intake:
    """Numbers events, publishes them, and waits for Kafka."""

    def __init__(
        self,
        publisher: Publisher,
        public_key: bytes,
        turns: Turns,
        *,
        timeout_seconds: float = 10.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        counters: Path | None = None,
    ) -> None:
        self.clock, self._turns = clock, turns
        self._publisher, self._box, self._timeout = publisher, SealedBox(PublicKey(public_key)), timeout_seconds
        self._outcome_numbers = itertools.count(1)
        self._numbers = Numbers(publisher, clock, counters)
        self._encoders: dict[str, Encoder] = {}
        #: until when, and for what; all wait equally long, so the first one's time is over first
        self._waiting: deque[tuple[float, Delivery]] = deque()
        self._tick: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """Tell the ledger that no number will follow. Before the publisher is closed."""
        self._numbers.close()

    async def take(self, project: Project, batch: Batch, received_at: datetime) -> None:
        """Publish a batch; returns when Kafka has acknowledged all of it, or the spool holds what it hasn't.

        Raises RefusedError (undeliverable, queue_full) if it didn't: the client is to send the whole request again, and
        its events keep their ids.
        """
        numbers = self._numbers.of(project.id)
        block = numbers.take_block(sum("producer_id" not in event for _, event in batch.events))
        delivery = Delivery(asyncio.get_running_loop(), block, numbers.settle)
        try:
            sent = await self._turns.run(self._publish(project, batch, received_at, delivery, iter(block)))
        except PublishError as error:
            raise RefusedError(Reason.QUEUE_FULL, "body", f"{error}; send it again") from error
        finally:
            delivery.seal()
        failure = await self._answer(delivery)
        if failure is not None:
            raise RefusedError(Reason.UNDELIVERABLE, "body", f"Kafka did not take it: {failure}; send it again")
        for kind, number in sent.items():
            _events(batch.protocol, kind).inc(number)

    async def _answer(self, delivery: Delivery) -> str | None:
        """What went wrong, or None. Raises nothing: to wait longer than the time counts as an answer."""
        self._waiting.append((time.monotonic() + self._timeout, delivery))
        if len(self._waiting) == 1:
            self.poll()
        return await delivery.done

    def poll(self) -> None:
        """Look for Kafka's answers, now and from now on: on the event loop's own thread, which they are for."""
        if self._tick is not None:
            self._tick.cancel()
        self._publisher.poll()
        now, waiting = time.monotonic(), self._waiting
        while waiting and (waiting[0][1].done.done() or waiting[0][0] <= now):
            waiting.popleft()[1].give_up(f"no acknowledgement within {self._timeout:g} s")
        pause = POLL_SECONDS if waiting else IDLE_SECONDS
        self._tick = asyncio.get_running_loop().call_later(pause, self.poll)

    def _publish(
        self, project: Project, batch: Batch, received_at: datetime, delivery: Delivery, numbers: Iterator[int]
    ) -> Slices[Mapping[Kind, int]]:
        """Hand everything over; how many events of which kind. Raises PublishError where not all of it was taken."""
        own_id, sent = self._own_id(project), Counter[Kind]()
        for first in range(0, len(batch.events), EVENTS_A_SLICE):
            events = batch.events[first : first + EVENTS_A_SLICE]
            for kind, (records, sequences) in self._encoded(project, batch, events, received_at, numbers).items():
                self._put(kind, records, sequences, delivery)
                sent[kind] += len(records)
            yield
        for item in batch.bad:
            REFUSED.labels(batch.protocol, item.problem.reason.value).inc()
            answered = delivery.expect_one(item.sequence if item.producer_id == own_id else 0)
            try:
                self._publisher.publish_dead_letter(self._letter(project, batch, item, received_at), answered)
            except PublishError as error:
                answered(str(error))
                raise
            yield
        for outcome in self._outcomes(project, batch, received_at):
            self._publisher.publish_outcome(outcome, delivery.expect_one())
        self._numbers.of(project.id).report(received_at)
        return sent

    def _put(self, kind: Kind, records: Sequence[KeyAndValue], sequences: Sequence[int], delivery: Delivery) -> None:
        left = self._publisher.put_many(kind, records, delivery.answered, delivery.give_back)
        if left:
            gone = {value for _, value in left}
            taken = [place for place, (_, value) in enumerate(records) if value not in gone]
            delivery.expect([records[place] for place in taken], [sequences[place] for place in taken])
            raise QueueFullError(f"there is no room for {len(left)} of {len(records)} events")
        delivery.expect(records, sequences)

    def _encoded(
        self,
        project: Project,
        batch: Batch,
        events: Sequence[tuple[Kind, Event]],
        received_at: datetime,
        numbers: Iterator[int],
    ) -> dict[Kind, tuple[list[KeyAndValue], list[int]]]:
        """Records by kind with their numbers, 0 for one of its sender's. What doesn't fit its schema becomes bad."""
        encode = self._encoder(project)
        found: dict[Kind, tuple[list[KeyAndValue], list[int]]] = {}
        for kind, event in events:
            number = 0
            if "producer_id" not in event:  # a protocol whose producers number keeps what they said
                number = event["sequence"] = next(numbers)
            event["received_at"] = received_at
            try:
                record = encode(kind, event)
            except EncodeError as error:
                reason = Reason.OVERSIZE if isinstance(error, OversizeError) else Reason.INVALID_FIELD
                problem, producer_id = Problem(reason, "", str(error)), event.get("producer_id", self._own_id(project))
                batch.bad.append(BadItem(-1, problem, event["event_id"].encode(), producer_id, event["sequence"]))
                continue
            records, sequences = found.setdefault(kind, ([], []))
            records.append(record)
            sequences.append(number)
        return found

    def _own_id(self, project: Project) -> str:
        return self._numbers.of(project.id).producer_id

    def _encoder(self, project: Project) -> Encoder:
        """What makes records of a project's events, by what all of them have in common."""
        if project.id not in self._encoders:
            common = {"project": project.id, "producer_id": self._own_id(project)}
            self._encoders[project.id] = self._publisher.encoder(common)
        return self._encoders[project.id]

    def _letter(self, project: Project, batch: Batch, item: BadItem, at: datetime) -> dict[str, Any]:
        digest = hashlib.sha256(item.payload).hexdigest()
        detail = f"{item.problem.field}: {item.problem.message}"
        return {
            "dead_letter_id": derived_event_id("dead-letter", project.id, batch.protocol, digest),
            "project": project.id,
            "producer_id": item.producer_id or self._own_id(project),
            "sequence": item.sequence,
            "source": f"gateway:{batch.protocol}",
            "reason": item.problem.reason.value,
            "detail": detail,
            "size_bytes": len(item.payload),
            "occurred_at": at,
            "payload": bytes(self._box.encrypt(item.payload)) if len(item.payload) <= MAX_RAW_BYTES else b"",
        }

    def _outcomes(self, project: Project, batch: Batch, at: datetime) -> Sequence[Mapping[str, Any]]:
        counts: Counter[tuple[str, str, Reason]] = Counter()
        for item in batch.bad:
            counts["", "dead_lettered", item.problem.reason] += 1
        for (kind, reason), number in batch.dropped.items():
            counts[kind, "dropped", reason] += number
            REFUSED.labels(batch.protocol, reason.value).inc(number)
        producer_id = self._own_id(project)
        shared = {"project": project.id, "minute": at.replace(second=0, microsecond=0)}
        counted = [
            {
                **shared,
                "outcome_id": derived_event_id("outcome", producer_id, str(next(self._outcome_numbers))),
                "kind": kind,
                "producer_id": producer_id,
                "outcome": outcome,
                "reason": reason.value,
                "quantity": number,
                "reporter": "gateway",
            }
            for (kind, outcome, reason), number in counts.items()
        ]
        for report in batch.left_out:
            REFUSED.labels(batch.protocol, report.reason).inc(report.quantity)
        counted += [{**shared, **_reported("gateway", report)} for report in batch.left_out]
        return counted + [{**shared, **_reported(batch.protocol, report)} for report in batch.reports]


_events = cache(EVENTS.labels)


def _reported(protocol: str, report: Report) -> Mapping[str, Any]:
    identity = (report.producer_id, report.outcome, report.number, report.kind, report.reason)
    return {
        "outcome_id": derived_event_id("report", *identity),
        "kind": report.kind,
        "producer_id": report.producer_id,
        "outcome": report.outcome,
        "reason": report.reason,
        "quantity": report.quantity,
        "reporter": protocol,
        "sequences": list(report.sequences),
        **({"minute": report.minute} if report.minute else {}),
    }
