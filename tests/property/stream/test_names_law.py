"""Epochs and visitors without consent: columns do what the reference does, however the log is cut."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.property.stream.test_gate_law import raw_frame
from tests.unit.gate.raw_events import track_record

from tidegate_stream.gate import Gate, MemoryKeys, Pseudonymiser, Records, Seen
from tidegate_stream.gate.cookieless import Cookieless, Visits
from tidegate_stream.gate.epochs import EpochKey
from tidegate_stream.gate.plan import compile_plan
from tidegate_stream.gate.reference import clean_record, micros

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
DAY = micros(MIDNIGHT) // 86_400_000_000
#: The first epoch's key of `shop` is gone, and so are the salts before the day before.
KEYS = MemoryKeys(
    {
        "default": (EpochKey(0, b"k" * 32), EpochKey(micros(MIDNIGHT), b"l" * 32)),
        "shop": (EpochKey(micros(MIDNIGHT) - 600_000_000, b"m" * 32), EpochKey(micros(MIDNIGHT), b"n" * 32)),
        "plain": b"p" * 32,
    },
    bytes(range(32)),
    {day: bytes([day % 256]) * 32 for day in (DAY - 1, DAY, DAY + 1)},
)
PLAN = compile_plan("track")
#: Minutes from midnight: on both sides of a gap from it, days away, and anything near.
MINUTES = st.sampled_from([-1500, -60, -40, -29, -10, -1, 0, 5, 20, 31, 45, 70, 1430, 1445, 2900]) | st.integers(
    -45, 90
)

EVENTS = st.fixed_dictionaries(
    {
        "minute": MINUTES,
        "project": st.sampled_from(["default", "default", "default", "shop", "plain"]),
        "consent": st.sampled_from(["anonymous", "anonymous", "anonymous", "granted", "unknown"]),
        "type": st.sampled_from(["track", "page", "identify", "alias"]),
        "ip": st.sampled_from(["198.51.100.7", "198.51.100.9", "203.0.113.1", None, "nowhere"]),
        "user_agent": st.sampled_from(["curl/8.1", "curl/8.2", "Go-http-client/2.0", None]),
        "user_id": st.sampled_from([None, "", "user-1"]),
        "anonymous_id": st.sampled_from([None, "", "device-1"]),
        "previous_id": st.sampled_from([None, "device-1"]),
    }
)


def record(number: int, drawn: dict[str, Any]) -> dict[str, Any]:
    event = dict(drawn)
    received = MIDNIGHT + timedelta(minutes=event.pop("minute"))
    return track_record(number) | event | {"received_at": received, "occurred_at": received}


def passed(rows: Sequence[dict[str, Any]], cuts: Sequence[int]) -> tuple[pl.DataFrame, dict[str, int]]:
    """Clean events of rows that were cut into chunks, and which events had no name."""
    gate, visits, frames, nameless = Gate("track", KEYS), Visits(), [], dict[str, int]()
    edges = [0, *sorted(cuts), len(rows)]
    for begin, end in pairwise(edges):
        part = rows[begin:end]
        if not part:
            continue
        chunk = Records("raw.track", 0, range(begin, end), [b""] * len(part), [0] * len(part))
        result = gate.process(raw_frame("track", part), [], chunk, Seen(), visits)
        visits.learn(result.visited)
        frames.append(result.clean)
        nameless = {reason: nameless.get(reason, 0) + number for reason, number in result.nameless.items()}
    return pl.concat(frames), nameless


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(EVENTS, min_size=1, max_size=14), st.lists(st.integers(0, 14), max_size=4))
def test_columns_name_visitors_as_the_reference_does_however_the_log_is_cut(
    drawn: list[dict[str, Any]], cuts: list[int]
) -> None:
    rows = [record(number, each) for number, each in enumerate(drawn)]
    names, cookieless, last = Pseudonymiser(KEYS), Cookieless(KEYS.salts), dict[str, int]()
    expected = [clean_record(PLAN, names, row, cookieless, last) for row in rows]
    clean, nameless = passed(rows, [min(cut, len(rows)) for cut in cuts])
    told = ("visitor", "user", "previous")
    assert clean.select(told).rows() == [tuple(each[name] for name in told) for each in expected]
    early = sum(row["project"] == "shop" and row["received_at"] < MIDNIGHT - timedelta(minutes=10) for row in rows)
    assert nameless["key_destroyed"] == early
