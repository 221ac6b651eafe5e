"""What a producer tells the ledger of its numbers: how far it came, its own or those of one that was killed."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tidegate.counter import Numbering
from tidegate.counter_file import CounterFile, Ended
from tidegate.errors import PublishError
from tidegate.publish import OnDelivery, Publisher
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.reasons import Reason

log = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def report_closed(numbering: Numbering, publisher: Publisher, now: datetime, on_delivery: OnDelivery) -> None:
    """Say that no number will follow the last. Raises PublishError."""
    if not numbering.last:
        on_delivery(None)
        return
    said = _outcome(numbering.kind, numbering.project, numbering.producer_id, now)
    publisher.publish_outcome(said | _progress("closed", numbering.producer_id, numbering.last), on_delivery)


def report_ended(folder: Path, publisher: Publisher) -> int:
    """Report the counters in a folder whose processes have ended; returns how many there were.

    A file is removed once Kafka has its report; until then each start reports again, which the ledger counts once.
    """
    found = 0
    for file in CounterFile.left(folder):
        ended = file.read()
        if ended is None or not ended.last:
            if ended is None:
                log.warning("%s is damaged: what its producer lost at its end is not known", file.path.name)
            file.close(remove=True)
            continue
        found += 1
        _report(file, ended, publisher)
    return found


def _report(file: CounterFile, ended: Ended, publisher: Publisher) -> None:
    reports = [_progress("numbered", ended.producer_id, ended.last)]
    if ended.outstanding:
        reports.append(_unanswered(ended))
    settle = _all_delivered(len(reports), lambda error: file.close(remove=error is None))
    shared = _outcome(ended.kind, ended.project, ended.producer_id, _EPOCH + timedelta(microseconds=ended.at_micros))
    for report in reports:
        try:
            publisher.publish_outcome(shared | report, settle)
        except PublishError as error:
            settle(str(error))


def _all_delivered(number: int, then: OnDelivery) -> OnDelivery:
    """Calls back once, when so many deliveries are known: with the first error, if there was one."""
    answers: list[str | None] = []

    def one(error: str | None) -> None:
        answers.append(error)
        if len(answers) == number:
            then(next((answer for answer in answers if answer is not None), None))

    return one


def _outcome(kind: str, project: str, producer_id: str, at: datetime) -> dict[str, Any]:
    minute = at.replace(second=0, microsecond=0)
    return {"project": project, "producer_id": producer_id, "minute": minute, "reporter": kind}


def _progress(outcome: str, producer_id: str, last: int) -> dict[str, Any]:
    identity = derived_event_id(outcome, producer_id, str(last))
    return {"outcome_id": identity, "outcome": outcome, "reason": outcome, "quantity": last}


def _unanswered(ended: Ended) -> dict[str, Any]:
    pairs = ended.outstanding
    return {
        "outcome_id": derived_event_id("unanswered", ended.producer_id),
        "outcome": "dropped",
        "reason": Reason.UNANSWERED.value,
        "quantity": sum(last - first + 1 for first, last in zip(pairs[::2], pairs[1::2], strict=True)),
        "sequences": pairs,
    }
