"""Where every protocol hands over: events and refusals in, the acknowledgement of Kafka or of the spool out."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nacl.public import PublicKey, SealedBox

from tidegate.errors import PublishError
from tidegate.publish import OnDelivery, Publisher
from tidegate_gateway.errors import Problem, RefusedError
from tidegate_gateway.metrics import EVENTS, REFUSED
from tidegate_gateway.numbers import Numbers
from tidegate_gateway.settings import Project
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
    #: what the producers themselves count, by the name of the protocol
    reports: list[Report] = field(default_factory=list)

    def refuse(self, index: int, error: RefusedError, payload: bytes) -> None:
        """Note an item that can't be taken; the others go on."""
        self.bad.append(BadItem(index, error.problem, payload))

    @property
    def rejected(self) -> list[dict[str, Any]]:
        """The bad items for an answer's body: place, reason, field and what is allowed."""
        return [{"index": item.index, **item.problem.as_json()} for item in self.bad]


class _Delivery:
    """Counts a request's records until each is answered for, by Kafka or by the spool. Called from other threads."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.done: asyncio.Future[str | None] = loop.create_future()
        self._left = 1
        self._error: str | None = None

    def expect(self) -> OnDelivery:
        self._left += 1
        return self._one

    def _one(self, error: str | None) -> None:
        self._loop.call_soon_threadsafe(self._count, error)

    def _count(self, error: str | None) -> None:
        self._error = self._error or error
        self._left -= 1
        if self._left == 0 and not self.done.done():
            self.done.set_result(self._error)

    def seal(self) -> None:
        """Everything was handed over."""
        self._count(None)


class Intake:
    """Numbers events, publishes them, and waits for Kafka."""

    def __init__(
        self,
        publisher: Publisher,
        public_key: bytes,
        *,
        timeout_seconds: float = 10.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        counters: Path | None = None,
    ) -> None:
        self.clock = clock
        self._publisher, self._box, self._timeout = publisher, SealedBox(PublicKey(public_key)), timeout_seconds
        self._outcome_numbers = itertools.count(1)
        self._numbers = Numbers(publisher, clock, counters)

    def close(self) -> None:
        """Tell the ledger that no number will follow. Before the publisher is closed."""
        self._numbers.close()

    async def take(self, project: Project, batch: Batch, received_at: datetime) -> None:
        """Publish a batch; returns when Kafka has acknowledged all of it, or the spool holds what it hasn't.

        Raises RefusedError (undeliverable, queue_full) if it didn't: the client is to send the whole request again, and
        its events keep their ids.
        """
        delivery = _Delivery(asyncio.get_running_loop())
        try:
            self._publish(project, batch, received_at, delivery)
        except PublishError as error:
            raise RefusedError(Reason.QUEUE_FULL, "body", f"{error}; send it again") from error
        delivery.seal()
        try:
            failure = await asyncio.wait_for(delivery.done, self._timeout)
        except TimeoutError:
            failure = f"no acknowledgement within {self._timeout:g} s"
        if failure is not None:
            raise RefusedError(Reason.UNDELIVERABLE, "body", f"Kafka did not take it: {failure}; send it again")
        for kind, number in Counter(kind for kind, _ in batch.events).items():
            EVENTS.labels(batch.protocol, kind).inc(number)

    def _publish(self, project: Project, batch: Batch, received_at: datetime, delivery: _Delivery) -> None:
        numbers = self._numbers.of(project.id)
        for kind, event in batch.events:
            report = answered = delivery.expect()
            if "producer_id" not in event:  # a protocol whose producers number keeps what they said
                event["producer_id"], event["sequence"] = numbers.producer_id, numbers.take()
                answered = numbers.settling(event["sequence"], answered)
            event["project"] = project.id
            event["received_at"] = received_at
            try:
                self._publisher.publish(kind, event, answered)
            except PublishError as error:
                answered(str(error))
                raise
            except EncodeError as error:
                report(None)  # nothing to wait for but its dead letter
                reason = Reason.OVERSIZE if isinstance(error, OversizeError) else Reason.INVALID_FIELD
                problem = Problem(reason, "", str(error))
                identity = (event["producer_id"], event["sequence"])
                batch.bad.append(BadItem(-1, problem, event["event_id"].encode(), *identity))
        for item in batch.bad:
            REFUSED.labels(batch.protocol, item.problem.reason.value).inc()
            answered = delivery.expect()
            if item.producer_id == numbers.producer_id:
                answered = numbers.settling(item.sequence, answered)
            self._publisher.publish_dead_letter(self._letter(project, batch, item, received_at), answered)
        for outcome in self._outcomes(project, batch, received_at):
            self._publisher.publish_outcome(outcome, delivery.expect())
        numbers.report(received_at)

    def _letter(self, project: Project, batch: Batch, item: BadItem, at: datetime) -> dict[str, Any]:
        digest = hashlib.sha256(item.payload).hexdigest()
        detail = f"{item.problem.field}: {item.problem.message}"
        return {
            "dead_letter_id": derived_event_id("dead-letter", project.id, batch.protocol, digest),
            "project": project.id,
            "producer_id": item.producer_id or self._numbers.of(project.id).producer_id,
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
        producer_id = self._numbers.of(project.id).producer_id
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
        return counted + [{**shared, **_reported(batch.protocol, report)} for report in batch.reports]


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
