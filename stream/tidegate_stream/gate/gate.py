"""The gate: raw events in, clean events and an account of the rest out. Pure: no clock, no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import polars as pl

from tidegate_schemas.errors import TidegateError
from tidegate_schemas.reasons import Reason
from tidegate_schemas.registry import SchemaRegistry
from tidegate_schemas.rows import Decoder
from tidegate_schemas.subjects import clean_schema, raw_schema, sealed_schema
from tidegate_schemas.topics import Kind
from tidegate_stream.erasure import Tombstones
from tidegate_stream.gate.columns import clean_frame, refusals
from tidegate_stream.gate.consenting import NOTHING_TOLD, Told, consented, told_in
from tidegate_stream.gate.consents import Consents
from tidegate_stream.gate.cookieless import Cookieless, Visits
from tidegate_stream.gate.excerpt import excerpt
from tidegate_stream.gate.json_columns import ParsedTexts
from tidegate_stream.gate.keys import Keys, Sealer
from tidegate_stream.gate.ledger import DROPPED_REASONS, REFUSED, RawChunk, dead_letters, named_safely, outcomes
from tidegate_stream.gate.plan import Plan, compile_plan
from tidegate_stream.gate.pseudonyms import Pseudonymiser
from tidegate_stream.gate.rules.columns import Removed
from tidegate_stream.gate.rules.compiled import NO_RULES, Rules
from tidegate_stream.gate.seen import Learnt, Memory, split_ids
from tidegate_stream.gate.validity import EPOCH

KEY_DESTROYED, SALT_DESTROYED = "key_destroyed", "salt_destroyed"
"""Why a clean event has no visitor."""


class Bad(Protocol):
    """A record that couldn't be decoded."""

    @property
    def index(self) -> int:
        """Its place in the chunk."""

    @property
    def reason(self) -> str:
        """A named reason."""

    @property
    def detail(self) -> str:
        """What was wrong, never the value."""


@dataclass(frozen=True)
class GateResult:
    """What becomes of a chunk. Every record is in exactly one place: clean, dead-lettered or counted as dropped.

    `clean` has the clean schema's columns, in offset order; `keys` are the Kafka keys of its rows. `learnt` goes to
    `Seen.learn`, and `visited` to `Visits.learn`, once the result is committed, not before: a chunk that is tried again
    isn't its own duplicate. `nameless` counts clean events without a visitor whose key or salt is gone. `told` are the
    decisions about consent in it.
    """

    clean: pl.DataFrame
    keys: list[bytes]
    dead_letters: pl.DataFrame
    outcomes: pl.DataFrame
    learnt: Learnt
    refused: pl.DataFrame
    last_offset: int
    visited: Mapping[str, int] = field(default_factory=dict)
    nameless: Mapping[str, int] = field(default_factory=dict)
    told: Told = NOTHING_TOLD
    removed: Removed = field(default_factory=dict)


class Gate:
    """The gate of one kind, compiled from the privacy classes of its schema."""

    def __init__(
        self,
        kind: Kind,
        keys: Keys,
        plan: Plan | None = None,
        registry: SchemaRegistry | None = None,
        cookieless: Cookieless | None = None,
        tombstones: Tombstones | None = None,
        consents: Consents | None = None,
        rules: Rules = NO_RULES,
    ) -> None:
        self.kind = kind
        self._tombstones = tombstones or Tombstones()
        self._consents = Consents() if consents is None else consents
        self.plan = plan or compile_plan(kind)
        self._keys = keys
        self._rules = rules
        self._names = Pseudonymiser(keys)
        self._cookieless = cookieless or Cookieless(keys.salts)
        self._sealer = Sealer(keys.dead_letter_key)
        self._columns = list(clean_schema(kind).names)
        self._reader = Decoder([raw_schema(kind), sealed_schema()], registry)

    def process(
        self, frame: pl.DataFrame, bad: Sequence[Bad], chunk: RawChunk, seen: Memory, visits: Visits | None = None
    ) -> GateResult:
        """Judge and clean a chunk.

        `frame` has the raw schema's columns and `_index` (UInt32), each row's place in `chunk`, ascending; `bad` are
        the records that aren't in it. Changes none of its arguments, `seen` and `visits` neither.
        """
        parsed = ParsedTexts()
        broken, reasons = refusals(self.plan, self._keys, frame, parsed)
        valid = frame.filter(~broken) if reasons.height else frame
        ids = split_ids(valid["event_id"], _offsets(chunk, valid))
        repeated = seen.duplicates(ids)
        fresh = valid.filter(~repeated) if repeated.any() else valid
        told = told_in(self.plan, self._keys, self._names.every, frame)
        judged = consented(self.plan, self._names.every, fresh, told, self._consents)
        read = {record.index: self._read(chunk.values[record.index]) for record in bad}
        refused = self._refused(
            [
                *([frame.filter(broken).hstack(reasons)] if reasons.height else []),
                *([_told(valid.filter(repeated), Reason.DUPLICATE)] if repeated.any() else []),
                *([] if judged.refused is None else [judged.refused]),
                *([_undecoded(bad, read, chunk)] if bad else []),
            ],
            chunk,
        )
        passing = judged.passing
        clean, removed = self._clean(passing, chunk, parsed)
        named = self._cookieless.visit(passing, visits or Visits())
        if named is not None:
            clean = clean.with_columns(pl.coalesce(named.visitors, "visitor").alias("visitor"))
        keyless = self._names.keyless(passing["project"], passing["received_at"].cast(pl.Int64))
        gone = self._tombstones.from_before(clean)
        if gone is not None:
            clean = clean.filter(~gone)
            refused = pl.concat([refused, self._refused([_told(passing.filter(gone), Reason.ERASED)], chunk)])
        return GateResult(
            clean=clean,
            keys=clean.select(pl.coalesce("visitor", "event_id").cast(pl.Binary)).to_series().to_list(),
            dead_letters=dead_letters(chunk, refused, self._sealer, self._excerpts(frame, read, refused)),
            outcomes=outcomes(self.kind, chunk, refused),
            learnt=Learnt(ids.filter(~repeated), chunk.timestamps[0]),
            refused=refused,
            last_offset=chunk.offsets[-1],
            visited={} if named is None else named.changed,
            nameless={KEY_DESTROYED: keyless, SALT_DESTROYED: 0 if named is None else named.unsalted},
            told=told,
            removed=removed,
        )

    def _clean(self, passing: pl.DataFrame, chunk: RawChunk, parsed: ParsedTexts) -> tuple[pl.DataFrame, Removed]:
        cleaned, removed = clean_frame(self.plan, self._names, passing, parsed, self._rules)
        return cleaned.with_columns(_offsets(chunk, passing).alias("source_offset")).select(self._columns), removed

    def _read(self, value: bytes | None) -> Mapping[str, Any]:
        """The fields of a record that the columns refused, nothing if it is none: who numbered it, and what it says."""
        try:
            return self._reader.decode(value or b"")
        except TidegateError:
            return {}

    def _excerpts(
        self, frame: pl.DataFrame, read: Mapping[int, Mapping[str, Any]], refused: pl.DataFrame
    ) -> dict[int, str]:
        """What may be read of the records that become dead letters and could be decoded, by their place."""
        letters = refused.filter(~pl.col("reason").is_in(DROPPED_REASONS))
        if letters.is_empty():  # as nearly always
            return {}
        rows = frame.join(letters.select("_index"), on="_index", how="semi")
        decoded = {row.pop("_index"): row for row in rows.iter_rows(named=True)}
        # Of one that stayed sealed only the account is known, which has no text.
        shown = {index: row for index, row in {**decoded, **read}.items() if row and "data_key" not in row}
        return {index: excerpt(self.plan, row, self._rules) for index, row in shown.items()}

    def _refused(self, parts: Sequence[pl.DataFrame], chunk: RawChunk) -> pl.DataFrame:
        """A broken record may tell any time of receipt, so the ledger's minute falls back to the record's own."""
        if not parts:
            return pl.DataFrame(schema=REFUSED)
        columns = [pl.col(name).cast(dtype) for name, dtype in REFUSED.items()]
        rows = pl.concat([part.select(columns) for part in parts])
        stamps = (pl.Series(chunk.timestamps, dtype=pl.Int64) * 1000).gather(rows["_index"])
        received = pl.col("received_at")
        near = (received - stamps).abs() <= 86_400_000_000
        return rows.with_columns(
            pl.when(near).then(received).otherwise(stamps).alias("received_at"),
            pl.col("sequence").clip(0).fill_null(0),
            *named_safely(rows),
        )


def _undecoded(bad: Sequence[Bad], read: Mapping[int, Mapping[str, Any]], chunk: RawChunk) -> pl.DataFrame:
    rows = [
        {
            "_index": record.index,
            "project": known.get("project"),
            "producer_id": known.get("producer_id"),
            "sequence": known.get("sequence"),
            "received_at": _micros(known.get("received_at"), chunk.timestamps[record.index] * 1000),
            "reason": str(record.reason),
            "detail": record.detail,
        }
        for record in bad
        for known in [read[record.index]]
    ]
    return pl.DataFrame(rows, schema=REFUSED)


def _offsets(chunk: RawChunk, rows: pl.DataFrame) -> pl.Series:
    return pl.Series(chunk.offsets, dtype=pl.Int64).gather(rows["_index"])


def _told(rows: pl.DataFrame, reason: Reason) -> pl.DataFrame:
    return rows.with_columns(pl.lit(reason.value).alias("reason"), pl.lit("").alias("detail"))


def _micros(at: datetime | None, otherwise: int) -> int:
    return otherwise if at is None else (at - EPOCH) // timedelta(microseconds=1)
