"""Visitors without consent: one a day, network and browser family, by the day's salt. Stored nowhere on their device.

Such a visitor's name begins with `day-`, so that each table and view can tell it from one that lasts. A visit that is
under way at midnight (UTC) keeps yesterday's name: as long as no more than a session's gap lies between its events. Who
is under way is a function of the log: it is learnt with each chunk, and read back by whoever has the partition next.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import polars as pl

from tidegate_schemas.networks import truncated_ip
from tidegate_stream.gate.salts import Salts
from tidegate_stream.gate.values import coarse_user_agent

PREFIX = "day-"
DIGITS = 28
DAY_MICROS = 86_400_000_000
GAP_MICROS = 1_800_000_000


def visitor_of(salt: bytes, identity: str) -> str:
    """A visitor's name on the salt's day; `identity` is its project, network and browser family."""
    return PREFIX + hmac.digest(salt, identity.encode("utf-8", "surrogatepass"), "sha256").hex()[:DIGITS]


class Visits:
    """Who was on visit around the last midnight: when each was last seen, in µs since 1970, and the latest of these."""

    def __init__(self, seen: Iterable[bytes] = ()) -> None:
        self.last: dict[str, int] = {}
        self.latest = 0
        for each in seen:
            self.learn(orjson.loads(each))

    def learn(self, changed: Mapping[str, int]) -> None:
        """Take in what a chunk changed, once that is committed; forgets who can't be asked for any more."""
        if not changed:
            return
        self.last |= changed
        self.latest = max(self.latest, *changed.values())
        horizon = (self.latest // DAY_MICROS - 1) * DAY_MICROS
        self.last = {name: at for name, at in self.last.items() if at >= horizon}


@dataclass(frozen=True)
class Visited:
    """Visitors of a frame's rows, what `Visits` is to learn of it, and how many events came too late for their salt."""

    visitors: pl.Series
    changed: Mapping[str, int]
    unsalted: int


class Cookieless:
    """Names visitors without consent. `gap_micros` is the pause that ends a visit."""

    def __init__(self, salts: Salts, gap_micros: int = GAP_MICROS) -> None:
        self._salts, self._gap = salts, gap_micros

    def visitor(self, record: Mapping[str, Any], received: int, last: dict[str, int]) -> str | None:
        """The visitor of one event (the reference); changes `last`. None without an address, or without a salt."""
        network = truncated_ip(record["ip"] or "")
        day = received // DAY_MICROS
        salt, before = self._salts.salt(day), self._salts.salt(day - 1)
        if network is None or salt is None:
            return None
        identity = "\x00".join((record["project"], network, coarse_user_agent(record["user_agent"] or "")))
        former = "" if before is None else visitor_of(before, identity)
        if former in last and received - last[former] <= self._gap:
            last[former] = received
            return former
        own = visitor_of(salt, identity)
        if received >= (day + 1) * DAY_MICROS - self._gap:
            last[own] = received
        return own

    def visit(self, frame: pl.DataFrame, visits: Visits) -> Visited | None:
        """The visitors of a frame's rows, which stay null where there is consent. None if it has consent everywhere."""
        asked = frame["consent"] == "anonymous"
        if not asked.any():
            return None
        rows = _identified(frame.with_row_index("_row").filter(asked))
        rows, unsalted = self._named(rows)
        visitors = rows["own"]
        changed: dict[str, int] = {}
        if self._is_near_midnight(rows, visits.latest):
            visitors, changed = self._carried(rows, visits.last)
        blank = pl.Series("visitor", [None], dtype=pl.String).new_from_index(0, frame.height)
        return Visited(blank.scatter(rows["_row"], visitors), changed, unsalted)

    def _named(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
        """Rows that have a name on their day, as `own`, and how many have none for want of a salt."""
        salts = {day: self._salts.salt(day) for day in rows["day"].unique()}
        salted = rows.filter(pl.col("day").is_in([day for day, salt in salts.items() if salt is not None]))
        return salted.with_columns(self._names(salted, 0).alias("own")), rows.height - salted.height

    def _names(self, rows: pl.DataFrame, days_later: int) -> pl.Series:
        """What rows' visitors are called so many days later (or, below 0, were called before)."""
        pairs = rows.select("day", "identity").unique()
        names = []
        for day, identity in pairs.iter_rows():
            salt = self._salts.salt(day + days_later)
            names.append(None if salt is None else visitor_of(salt, identity))
        named = pairs.with_columns(pl.Series("name", names, dtype=pl.String))
        return rows.select("day", "identity").join(named, on=["day", "identity"], how="left", maintain_order="left")[
            "name"
        ]

    def _is_near_midnight(self, rows: pl.DataFrame, latest: int) -> bool:
        """Whether a visit may go on from the day before, or to the next: else all have the name of their day."""
        if not rows.height:
            return False
        first, late = rows.select(
            pl.col("at").min(), ((pl.col("at") % DAY_MICROS).max() >= DAY_MICROS - self._gap).alias("late")
        ).row(0)
        return bool(late) or rows["day"].n_unique() > 1 or latest + self._gap >= int(first)

    def _carried(self, rows: pl.DataFrame, last: Mapping[str, int]) -> tuple[pl.Series, dict[str, int]]:
        """Visitors, with yesterday's name where a visit goes on, and when such visits were last seen. Day after day."""
        rows = rows.with_columns(self._names(rows, -1).alias("former"), pl.lit(value=False).alias("goes_on"))
        changed: dict[str, int] = {}
        for day in rows["day"].unique().sort():
            on, ends = self._over_midnight(rows, day, last)
            rows = rows.with_columns(pl.col("goes_on") | pl.col("_row").is_in(on.implode()))
            seen = rows.filter(self._in_evening(day)).group_by("own").agg(pl.col("at").last())
            changed = {**changed, **ends, **dict(seen.iter_rows())}
        return rows.select(pl.when("goes_on").then("former").otherwise("own").alias("own"))["own"], changed

    def _in_evening(self, day: int) -> pl.Expr:
        """Rows of a day after which a visit may go on into the next day, under this day's name."""
        return ~pl.col("goes_on") & (pl.col("day") == day) & (pl.col("at") >= (day + 1) * DAY_MICROS - self._gap)

    def _over_midnight(self, rows: pl.DataFrame, day: int, last: Mapping[str, int]) -> tuple[pl.Series, dict[str, int]]:
        """Which rows of a day go on with a visit of the evening before, and when each such visit was last seen.

        A visit is told by its rows in the order of the log: what is known of it and its rows of the evening begin it,
        and a row of the day goes on with it if it is near enough to the one before it that does.
        """
        begins = self._in_evening(day - 1)
        name = pl.when(begins).then("own").otherwise("former").alias("name")
        own = rows.filter(begins | (pl.col("day") == day)).select(name, "at", "_row", begins.alias("begins"))
        own = own.filter(pl.col("name").is_not_null())
        names = [each for each in own["name"].unique() if each in last]
        held = {
            "name": names,
            "at": [last[each] for each in names],
            "_row": [None] * len(names),
            "begins": [True] * len(names),
        }
        known = pl.DataFrame(held, schema=own.schema)
        near = pl.concat([known, own]).with_columns(pl.col("begins").cum_sum().over("name").alias("stretch"))
        near = self._connected(near.filter(pl.col("stretch") > 0))
        ends = near.group_by("name").agg(pl.col("at").last(), pl.col("_row").last())
        changed = ends.filter(pl.col("_row").is_not_null()).select("name", "at")
        return near.filter(~pl.col("begins"))["_row"], dict(changed.iter_rows())

    def _connected(self, near: pl.DataFrame) -> pl.DataFrame:
        """Without the rows that are too far from the one before them that stays, in their stretch."""
        within = ("name", "stretch")
        while True:
            close = pl.col("begins") | (pl.col("at") - pl.col("at").shift(1).over(within) <= self._gap)
            alive = (close.cast(pl.UInt8).cum_min().over(within) == 1).alias("alive")
            near = near.with_columns(alive)
            if near["alive"].all():
                return near
            # Times may be out of order: a row after the first that is too far may be near enough again.
            reach = pl.col("at").filter(pl.col("alive")).last().over(within) + self._gap
            near = near.filter(pl.col("alive") | (pl.col("at") <= reach))


def _identified(rows: pl.DataFrame) -> pl.DataFrame:
    """Row number, day, time of receipt and identity of rows that have an address."""
    networks = {text: truncated_ip(text) for text in rows["ip"].unique().drop_nulls()}
    agents = {text: coarse_user_agent(text) for text in rows["user_agent"].fill_null("").unique()}
    at = pl.col("received_at").cast(pl.Int64)
    network, agent = (
        pl.col(name).replace_strict(list(found), list(found.values()), default=None, return_dtype=pl.String)
        for name, found in (("ip", networks), ("user_agent", agents))
    )
    return (
        rows.with_columns(pl.col("user_agent").fill_null(""))
        .select("_row", at.alias("at"), at.floordiv(DAY_MICROS).alias("day"), "project", network, agent)
        .filter(pl.col("ip").is_not_null())
        .select("_row", "at", "day", pl.concat_str("project", "ip", "user_agent", separator="\x00").alias("identity"))
    )
