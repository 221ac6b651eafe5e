"""Sessions: what one visitor did without pausing for 30 minutes, cut after 24 hours.

The state holds cells (see `windows/sessions.py`); `output` derives sessions from a visitor's cells. A session
is identified by the least offset of its events. When a late event joins two, the younger one's row must be
retracted. Which rows were ever written depends on flushes, so `output` retracts every offset that *may* have
begun a session at some time and doesn't now: a function of the records alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from tidegate_stream.folds.activity import MAX_FEATURES, feature_list, feature_union
from tidegate_stream.folds.tumbling import DEFAULT_LATENESS_SECONDS, FEW, MICROS
from tidegate_stream.folds.weight import counted, marked, weight
from tidegate_stream.windows import cell_width, closed_sessions, running_watermark, segment
from tidegate_stream.windows.tumbling import incarnation, incarnation_over

GAP_SECONDS = 1_800
CAP_SECONDS = 86_400
VIEWS = ("page", "screen")
UNIT = ["project", "visitor", "incarnation", "run", "segment"]


class Sessions:
    """Sessions of visitors, from track events. Events without a visitor open none."""

    name = "sessions"
    kind = "track"
    table = "sessions"

    def __init__(
        self,
        lateness_seconds: float = DEFAULT_LATENESS_SECONDS,
        gap_seconds: float = GAP_SECONDS,
        cap_seconds: float = CAP_SECONDS,
    ) -> None:
        self.gap, self.cap_micros = int(gap_seconds * MICROS), int(cap_seconds * MICROS)
        self.lateness = int(lateness_seconds * MICROS)
        self.group = ["project", "visitor", "incarnation"]
        self.keys = [*self.group, "cell"]
        texts = ["entry_url", "exit_url", "user", "release", "environment"]
        marks = ["first_at", "last_at", "opened_at", "last_offset", "touched_at"]
        orders = ["entry_at", "entry_offset", "exit_at", "exit_offset", "user_at", "user_offset", "origin_offset"]
        self.schema: Mapping[str, pl.DataType] = {
            "project": pl.String(),
            "visitor": pl.String(),
            "incarnation": pl.Int64(),
            "cell": pl.Int64(),
            **dict.fromkeys([*marks, *orders, "events", "pageviews"], pl.Int64()),
            **dict.fromkeys(texts, pl.String()),
            "features": pl.List(pl.String()),
            "first_offset": pl.Int64(),
            "revision": pl.UInt32(),
        }

    def partial(self, events: pl.DataFrame, watermark: int) -> tuple[pl.DataFrame, int]:
        """See `Fold.partial`."""
        if events.is_empty():
            return pl.DataFrame(schema=dict(self.schema)), watermark
        timed = events.with_columns(running_watermark(watermark).alias("watermark"))
        known = timed.filter(pl.col("visitor").fill_null("") != "")
        rows = self._lift(known)
        return (rows if rows.height <= FEW else self.merge([rows])), int(timed["watermark"][-1])

    def _lift(self, events: pl.DataFrame) -> pl.DataFrame:
        """Each event as a cell of its own."""
        at, offset = pl.col("occurred_at").cast(pl.Int64), pl.col("_offset")
        url, user = pl.col("url").fill_null("") != "", pl.col("user").fill_null("") != ""
        lifted = events.with_columns(
            incarnation(at < pl.col("watermark") - self.lateness, self.lateness).alias("incarnation"),
            at.floordiv(cell_width(self.gap)).alias("cell"),
            *(at.alias(name) for name in ("first_at", "last_at", "opened_at", "touched_at")),
            *(offset.alias(name) for name in ("first_offset", "last_offset", "origin_offset")),
            *(pl.when(url).then(at).alias(name) for name in ("entry_at", "exit_at")),
            *(pl.when(url).then(offset).alias(name) for name in ("entry_offset", "exit_offset")),
            *(pl.when(url).then(pl.col("url")).alias(name) for name in ("entry_url", "exit_url")),
            pl.when(user).then(at).alias("user_at"),
            pl.when(user).then(offset).alias("user_offset"),
            pl.when(user).then(pl.col("user")).alias("user"),
            weight().alias("events"),
            marked(pl.col("type").is_in(VIEWS)).alias("pageviews"),
            feature_list().alias("features"),
            (at + self.gap < pl.col("watermark")).alias("revision"),
            pl.col("project").fill_null(""),
        )
        return lifted.select(pl.col(name).cast(dtype) for name, dtype in self.schema.items())

    def merge(self, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
        """See `Fold.merge`."""
        rows = pl.concat([frame.select(list(self.schema)) for frame in frames])
        return rows.group_by(self.keys).agg(*summary()).select(list(self.schema))

    def cap(self, rows: pl.DataFrame) -> pl.DataFrame:
        """See `Fold.cap`: visitors aren't capped."""
        return rows

    def expired(self, rows: pl.DataFrame, watermark: int) -> pl.Series:
        """See `Fold.expired`."""
        cells = segment(rows.with_row_index("_row"), self.group, self.gap, self.cap_micros)
        in_time = closed_sessions(cells, watermark, self.gap, self.lateness)
        over = incarnation_over(watermark, self.lateness)
        return (
            cells.with_columns(in_time.alias("in_time"))
            .with_columns(pl.when(pl.col("incarnation") == 0).then("in_time").otherwise(over).alias("expired"))
            .sort("_row")["expired"]
        )

    def output(self, rows: pl.DataFrame, final: pl.Series) -> pl.DataFrame:
        """See `Fold.output`: live sessions, then retracted ones."""
        cells = segment(rows.with_columns(final.alias("final")), self.group, self.gap, self.cap_micros)
        live = cells.group_by(UNIT).agg(*summary(), pl.col("final").all())
        live = self._present(live, is_deleted=0)
        suspects = self._suspects(cells).with_columns(pl.lit(value=False).alias("final"))
        absorbed = suspects.join(live, on=["project", "visitor", "first_offset"], how="anti")
        return pl.concat([live, self._present(absorbed, is_deleted=1)])

    def _suspects(self, cells: pl.DataFrame) -> pl.DataFrame:
        """Cells whose first event may have begun a session when it came.

        It did not if an event before it, by offset, was within the gap: a neighbour's first or last one (by
        offset) is proof. Without proof the cell is a suspect; to retract what was never written is harmless.
        In a run that is cut, a late event may move the cuts, so each of its cells is a suspect.
        """
        # The cells are sorted by group, so a neighbour is the next row, if that is of the same group.
        numbered = cells.with_columns(pl.struct(self.group).rle_id().alias("_group"))
        proofs = []
        for step in (-2, -1, 1, 2):
            same = pl.col("_group").shift(-step) == pl.col("_group")
            for offset, at in (("first_offset", "opened_at"), ("last_offset", "touched_at")):
                earlier = pl.col(offset).shift(-step) < pl.col("first_offset")
                near = (pl.col(at).shift(-step) - pl.col("opened_at")).abs() <= self.gap
                proofs.append((same & earlier & near).fill_null(value=False))
        return numbered.filter(pl.col("long_run") | ~pl.any_horizontal(proofs)).drop("_group")

    def _present(self, sessions: pl.DataFrame, is_deleted: int) -> pl.DataFrame:
        instant = pl.Datetime("us", "UTC")
        texts = ("user", "entry_url", "exit_url", "release", "environment")
        return sessions.select(
            "project",
            "visitor",
            "first_offset",
            pl.col("first_at").cast(instant).alias("started_at"),
            pl.col("last_at").cast(instant).alias("ended_at"),
            *(pl.col(name).fill_null("") for name in texts),
            counted("pageviews"),
            counted("events"),
            pl.col("features").list.head(MAX_FEATURES),
            pl.lit(is_deleted, pl.UInt8).alias("is_deleted"),
            "revision",
            pl.col("final").cast(pl.UInt8),
        )


def summary() -> list[pl.Expr]:
    """How several cells become one, or a session. "First" and "last" are by time, then offset."""

    def pick(name: str, *order: str, last: bool = False) -> pl.Expr:
        column = pl.col(name).sort_by(*order, nulls_last=not last)
        return column.last() if last else column.first()

    started, entered, left, named = (
        ("first_at", "origin_offset"),
        ("entry_at", "entry_offset"),
        ("exit_at", "exit_offset"),
        ("user_at", "user_offset"),
    )
    return [
        pl.col("first_at").min(),
        pl.col("last_at").max(),
        pick("opened_at", "first_offset"),
        pl.col("last_offset").max(),
        pick("touched_at", "last_offset", last=True),
        *(pick(name, *entered) for name in ("entry_at", "entry_offset", "entry_url")),
        *(pick(name, *left, last=True) for name in ("exit_at", "exit_offset", "exit_url")),
        *(pick(name, *named, last=True) for name in ("user_at", "user_offset", "user")),
        *(pick(name, *started) for name in ("origin_offset", "release", "environment")),
        pl.col("events").sum(),
        pl.col("pageviews").sum(),
        feature_union(),
        pl.col("first_offset").min(),
        pl.col("revision").sum(),
    ]
