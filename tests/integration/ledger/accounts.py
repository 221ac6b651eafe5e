"""Random producers with a truth of their own, and rows of them as the stream would write these."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import polars as pl

from tidegate_schemas.numbers import spans
from tidegate_schemas.topics import KINDS, Kind
from tidegate_stream.folds import Fold, advance, empty_state, ledger_folds
from tidegate_stream.windows import NO_WATERMARK

INSTANT = pl.Datetime("us", "UTC")
PARTITIONS = 2
NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
#: By rank: of several accounts of a number the first one counts.
FATES = ("stored", "dead_lettered", "dropped", "voided", "missing")


@dataclass
class Account:
    """One producer's numbers: all that is said of them, and what therefore became of each."""

    producer_id: str
    last: int
    said: dict[int, set[str]]
    reported: bool
    unnamed: int = 0
    fates: Counter[str] = field(default_factory=Counter)


def drawn(rng: Random, kind: str) -> Account:
    """A producer of a kind, to whose numbers anything may happen, several things too."""
    last = rng.choice((1, 5, 63, 64, 65, 128, 300, 1000))
    chances = rng.choice(((90, 3, 3, 3, 5), (50, 10, 30, 20, 40), (5, 1, 1, 1, 300), (100, 0, 0, 0, 0)))
    said = {number: set(rng.choices(FATES, weights=chances, k=rng.choice((1, 1, 2)))) for number in range(1, last + 1)}
    account = Account(f"{kind}:{uuid.uuid4().hex}", last, said, reported=rng.random() < 0.5)
    named = [number for number, fates in said.items() if fates & {"stored", "dead_lettered", "dropped", "voided"}]
    known = last if account.reported else max(named, default=0)
    account.fates = Counter(
        next(fate for fate in FATES if fate in fates) for number, fates in said.items() if number <= known
    )
    if kind != "gateway":
        account.unnamed = rng.choice((0, account.fates["missing"] // 2))
        account.fates["missing"] -= account.unnamed
        account.fates["dropped"] += account.unnamed
    return account


def stored_rows(rng: Random, accounts: Sequence[Account], project: str, minute: datetime) -> list[pl.DataFrame]:
    """Rows of tidegate.ledger, folded from events in any kind and partition; some of them twice, as after a replay."""
    places: dict[tuple[Kind, int], list[tuple[str, int]]] = {}
    for account in accounts:
        for number, fates in account.said.items():
            if "stored" in fates:
                place = rng.choice(KINDS), rng.randrange(PARTITIONS)
                places.setdefault(place, []).append((account.producer_id, number))
    frames, folds = [], {fold.kind: fold for fold in ledger_folds()}
    for (kind, partition), numbers in places.items():
        rng.shuffle(numbers)
        table = folded(folds[kind], numbers, project, minute).with_columns(
            pl.lit(f"clean.{kind}").alias("source_topic"),
            pl.lit(partition, pl.UInt16).alias("source_partition"),
            pl.lit(1 << 48 | len(numbers), pl.UInt64).alias("version"),
        )
        frames += [table] * rng.choice((1, 2))
    return frames


def folded(fold: Fold, numbers: Sequence[tuple[str, int]], project: str, minute: datetime) -> pl.DataFrame:
    """What a fold writes of events in two minutes, cut into two chunks."""
    size = len(numbers)
    events = pl.DataFrame(
        {
            "project": [project] * size,
            "producer_id": [producer_id for producer_id, _ in numbers],
            "sequence": [number for _, number in numbers],
            "received_at": [minute + timedelta(minutes=number % 2) for _, number in numbers],
            "occurred_at": [NO_TIME] * size,
            "_offset": list(range(size)),
        }
    ).with_columns(pl.col("received_at", "occurred_at").cast(INSTANT))
    state, watermark, cut = empty_state(fold), NO_WATERMARK, size // 2
    for part in (events[:cut], events[cut:]):
        if part.height:
            rows, watermark = fold.partial(part, watermark)
            state, _ = advance(fold, state, [rows])
    return fold.output(state, pl.repeat(value=False, n=state.height, eager=True))


def outcome(account: Account, project: str, minute: datetime, **said: Any) -> dict[str, Any]:
    """A row of tidegate.outcomes."""
    return {
        "outcome_id": uuid.uuid4().hex,
        "project": project,
        "producer_id": account.producer_id,
        "minute": minute,
        "kind": "track",
        "reporter": "gate",
        "sequences": [],
        "version": 1,
        **said,
    }


def outcomes(rng: Random, account: Account, project: str, minute: datetime) -> list[dict[str, Any]]:
    """Everything that was dropped, spent on copies, or reported."""
    rows = []
    for fate, reason in (("dropped", "consent_denied"), ("voided", "duplicate")):
        numbers = [number for number, fates in account.said.items() if fate in fates]
        cut = rng.randrange(len(numbers) + 1)
        for part in (numbers[:cut], numbers[cut:], numbers[:cut]):  # said twice counts once
            if part:
                named = {"quantity": len(part), "sequences": spans(part), "outcome": "dropped", "reason": reason}
                rows.append(outcome(account, project, minute, **named))
    if account.unnamed:
        unnamed = {"quantity": account.unnamed, "outcome": "dropped", "reason": "queue_full", "reporter": "sdk"}
        rows.append(outcome(account, project, minute, **unnamed))
    if account.reported:
        said = {"quantity": account.last, "outcome": "closed", "reason": "closed", "reporter": "sdk"}
        rows.append(outcome(account, project, minute, **said))
    return rows


def letters(account: Account, project: str, minute: datetime) -> list[dict[str, Any]]:
    """Rows of tidegate.dead_letters; a replayed one says nothing any more."""
    found = []
    for number, fates in account.said.items():
        if "dead_lettered" in fates or number % 7 == 0:
            found.append(
                {
                    "dead_letter_id": uuid.uuid4().hex,
                    "project": project,
                    "producer_id": account.producer_id,
                    "sequence": number,
                    "reason": "invalid_field",
                    "occurred_at": minute,
                    "resolution": "" if "dead_lettered" in fates else "replayed",
                    "version": 1,
                }
            )
    return found
