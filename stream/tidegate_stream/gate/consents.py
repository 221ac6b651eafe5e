"""What is known of everybody's decisions, as columns, and the events that may not pass for them.

A decision takes 27 bytes: a pseudonym is 128 bits, so it is kept as it is, and nobody is taken for somebody else. Those
that forbid something are kept apart from plain yeses: events of people who never said no are looked for among the few
who did, and while nobody did a chunk costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final

import polars as pl

from tidegate_schemas.columns import ColumnCodec
from tidegate_schemas.consent import PURPOSES, purpose_of
from tidegate_schemas.registry import SchemaRegistry
from tidegate_schemas.subjects import consent_schema
from tidegate_schemas.topics import Kind
from tidegate_stream.gate.compacted import Entry
from tidegate_stream.gate.decisions import ANONYMOUS, DENIED, GRANTED, WITHDRAWN, Names
from tidegate_stream.gate.errors import CompactedTableError

ID = ["high", "low"]
SCHEMA: Final[dict[str, Any]] = {
    "high": pl.UInt64,
    "low": pl.UInt64,
    "at": pl.Int64,
    **dict.fromkeys(PURPOSES, pl.UInt8),
}
"""Columns of decisions: whose, when (µs), and the level for each purpose, null for one that it says nothing of."""
SUBJECT_FIELDS = ("user_id", "anonymous_id", "previous_id")
"""Ids by which an event is somebody's; the strictest of their verdicts counts."""
SETTLE_ROWS = 5_000
_BEFORE_ALL = -(1 << 63)


def rows_of(consents: pl.DataFrame) -> pl.DataFrame:
    """Records of the consent schema as decisions."""
    level = pl.col("decision").replace_strict(
        {"granted": GRANTED, "anonymous": ANONYMOUS, "denied": DENIED, "withdrawn": WITHDRAWN}, return_dtype=pl.UInt8
    )
    all_of_it, stops = pl.col("purposes").list.len() == 0, level >= DENIED
    otherwise = pl.when(~stops).then(pl.lit(DENIED, pl.UInt8))
    return consents.select(
        *_halves(pl.col("pseudonym")),
        pl.col("decided_at").cast(pl.Int64).alias("at"),
        *(
            pl.when(all_of_it | pl.col("purposes").list.contains(each)).then(level).otherwise(otherwise).alias(each)
            for each in PURPOSES
        ),
    )


def _halves(pseudonym: pl.Expr) -> list[pl.Expr]:
    return [
        pseudonym.str.slice(16 * place, 16).str.to_integer(base=16, dtype=pl.UInt64).alias(name)
        for place, name in enumerate(ID)
    ]


class _Rows:
    """Decisions, found by whose they are. One thread may add while others look: these may find one twice."""

    def __init__(self) -> None:
        self._settled = pl.DataFrame(schema=SCHEMA)  # sorted by `low`
        self._recent = pl.DataFrame(schema=SCHEMA)

    def __len__(self) -> int:
        return self._settled.height + self._recent.height

    def add(self, rows: pl.DataFrame) -> None:
        recent = pl.concat([self._recent, rows])
        if recent.height >= SETTLE_ROWS:
            self._settled = pl.concat([self._settled, recent], rechunk=True).unique().sort("low")
            recent = recent.clear()
        self._recent = recent

    def of(self, subjects: pl.DataFrame) -> pl.DataFrame:
        """Those of some subjects (`high`, `low`, each once)."""
        found = self._recent.join(subjects, on=ID, how="semi")  # before the settled ones, among which they may go
        settled = self._settled
        low = settled["low"]
        if low.is_empty():
            return found
        begins, ends = (low.search_sorted(subjects["low"], side) for side in ("left", "right"))
        places = pl.DataFrame({"begin": begins, "end": ends}).filter(pl.col("begin") < pl.col("end"))
        if places.is_empty():
            return found
        near = places.select(pl.int_ranges("begin", "end").explode()).to_series()
        return pl.concat([found, settled[near].join(subjects, on=ID, how="semi")])


class Consents:
    """All decisions of all projects. `take` is for `CompactedTable`; who removed a key is forgotten at the next start.

    A pseudonym is made with its project's own key, so it needs no project beside it.
    """

    def __init__(self, registry: SchemaRegistry | None = None) -> None:
        self._codec = ColumnCodec(consent_schema(), registry)
        self._yeses, self._others = _Rows(), _Rows()

    def __len__(self) -> int:
        return len(self._yeses) + len(self._others)

    def take(self, entries: Sequence[Entry]) -> None:
        """Learn decisions. Raises CompactedTableError on a record that is none: somebody else wrote to the topic."""
        decoded = self._codec.decode([entry.value for entry in entries if entry.value is not None])
        if decoded.bad:
            worst = decoded.bad[0]
            raise CompactedTableError("consents", f"a record is no consent ({worst.reason}: {worst.detail})")
        self.learn(rows_of(decoded.frame))

    def learn(self, rows: pl.DataFrame) -> None:
        """Learn decisions as columns of `SCHEMA`."""
        forbids = pl.any_horizontal(pl.col(each).fill_null(GRANTED) > GRANTED for each in PURPOSES)
        self._others.add(rows.filter(forbids))
        self._yeses.add(rows.filter(~forbids))

    def levels(self, kind: Kind, events: pl.DataFrame, names: Names, own: pl.DataFrame) -> pl.Series | None:
        """How strictly each raw event is judged (UInt8), None if all are free; `own` are decisions not learnt yet."""
        if not self._others and own.is_empty():
            return None
        ids = _ids(events)
        whose = _named(events, ids, names)
        strict = pl.concat([self._others.of(whose.select(ID).unique()), own])
        few = strict.select(ID).unique()
        concerned = whose.join(few, on=ID, how="semi")
        if concerned.is_empty():  # as nearly always
            return None
        known = pl.concat([strict, self._yeses.of(few)])
        return _judged(events, ids, concerned, _in_force(known, purpose_of(kind)))


def _ids(events: pl.DataFrame) -> list[str]:
    """Fields of ids that any of the events has."""
    return [name for name in SUBJECT_FIELDS if name in events.columns and events[name].null_count() < events.height]


def _named(events: pl.DataFrame, ids: Sequence[str], names: Names) -> pl.DataFrame:
    """Each id of a project (`project`, `id`) with all that it may be called (`high`, `low`)."""
    told = [events.select("project", pl.col(name).alias("id")).unique() for name in ids]
    empty = pl.DataFrame(schema={"project": pl.String, "id": pl.String})
    distinct = pl.concat([empty, *told]).unique().filter(pl.col("id") != "")
    pseudonyms = [names(project, value) for project, value in distinct.iter_rows()]
    places = [place for place, called in enumerate(pseudonyms) for _ in called]
    called = pl.Series("pseudonym", list(chain.from_iterable(pseudonyms)), dtype=pl.String)
    every = distinct[places].with_columns(called)
    return every.select("project", "id", *_halves(pl.col("pseudonym")))


def _in_force(decisions: pl.DataFrame, purpose: str) -> pl.DataFrame:
    """From when on which level counts, by subject: the strictest of the decisions from then up to now.

    Before the first decision it is the strictest of all. See `decisions.level_at`.
    """
    said = decisions.select(*ID, "at", pl.col(purpose).alias("level")).drop_nulls("level")
    always = said.select(*ID, pl.lit(_BEFORE_ALL, pl.Int64).alias("at"), pl.lit(GRANTED, pl.UInt8).alias("level"))
    by_time = pl.concat([said, always]).group_by(*ID, "at").agg(pl.col("level").max()).sort("at")
    return by_time.with_columns(pl.col("level").cum_max(reverse=True).over(ID))


def _judged(
    events: pl.DataFrame, ids: Sequence[str], concerned: pl.DataFrame, in_force: pl.DataFrame
) -> pl.Series | None:
    """The strictest level by any of an event's ids."""
    at = pl.min_horizontal(pl.col("occurred_at").cast(pl.Int64), pl.col("received_at").cast(pl.Int64)).alias("at")
    rows = events.select(pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"), at, "project", *ids)
    theirs = pl.concat(
        [
            rows.select("row", "at", "project", pl.col(name).alias("id")).join(concerned, on=["project", "id"])
            for name in ids
        ]
    )
    judged = theirs.sort("at").join_asof(in_force, on="at", by=ID, strategy="backward", check_sortedness=False)
    strict = judged.filter(pl.col("level") > GRANTED).group_by("row").agg(pl.col("level").max())
    if strict.is_empty():
        return None
    levels = pl.zeros(events.height, dtype=pl.UInt8, eager=True)
    return levels.scatter(strict["row"], strict["level"]).alias("level")


def as_decisions(consents: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Records as dicts with times in UTC, as decisions."""
    if not consents:
        return pl.DataFrame(schema=SCHEMA)
    columns: dict[str, Any] = {
        "pseudonym": pl.String,
        "decision": pl.String,
        "purposes": pl.List(pl.String),
        "decided_at": pl.Datetime("us", "UTC"),
    }
    return rows_of(pl.DataFrame([{name: each[name] for name in columns} for each in consents], schema=columns))
