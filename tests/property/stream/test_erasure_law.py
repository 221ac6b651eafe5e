"""The laws of an erasure: a state, and a gate, after one are as if its person had never been."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.property.stream import events as data

from tidegate_schemas.topics import KINDS, Kind
from tidegate_stream.erasure import SUBJECTS, Erasure, Notice, Tombstones, mark, of_subject, stubbed
from tidegate_stream.folds import Activity, Fold, Identities, Latencies, Ledger, Metrics, ReleaseHealth, Sessions, Usage
from tidegate_stream.state.delta import assemble, chain
from tidegate_stream.state.partition import CHANGED, EXEMPLARS, HOLDERS, PartitionState

laws = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
Events = list[dict[str, Any]]
#: Those whose rows are of persons, and some whose rows are not.
BOTH: list[Fold] = [Sessions(), Activity(), Identities(), ReleaseHealth(), Usage(), Ledger(), Latencies(), Metrics()]


def asked(pseudonyms: set[str], requested_at: int = data.BASE) -> Erasure:
    return Erasure("r", "p", frozenset(mark("p", each) for each in pseudonyms), requested_at)


def linked(events: Events, first: str) -> set[str]:
    """As the command finds them: with an id go the devices, sessions and former ids that it was seen with."""
    found: set[str] = set()
    more = {first}
    while more - found:
        found |= more
        theirs = [e for e in events if e["project"] == "p" and found & {e.get(name) for name in SUBJECTS}]
        more = {e[name] for e in theirs for name in ("visitor", "session", "previous") if e.get(name)}
    return found


def named(kind: str, events: Events) -> Events:
    """What no session is named for counts for its user: no device and no session has a row of it that could go."""
    if kind != "health":
        return events
    return [e for e in events if (e["report"] != "sessions" and e["session"]) or not (e["visitor"] or e["session"])]


def folded(fold: Fold, frame: pl.DataFrame, cuts: list[int], notice: Notice | None) -> PartitionState:
    """The state after chunks, the notice in the one that it falls into, with flushes and a recovery between them."""
    state, entries = PartitionState.recover(fold, 0, []), dict[bytes, bytes]()
    for begin, end in pairwise(cuts):
        events = frame.filter(pl.col("_offset").is_between(begin, end, closed="left"))
        notices = [notice] if notice and begin <= notice.offset < end else []
        state.add(events, end - 1, notices)
        if (delta := state.take_delta(snapshot_every=3)) is not None:
            entries |= dict(delta.entries())
            state.durable = delta.fence
            if begin % 2:  # a crash
                state = PartitionState.recover(fold, 0, chain(assemble(entries)))
    return state


@pytest.mark.parametrize("fold", BOTH, ids=lambda fold: fold.name)
def test_an_erasure_anywhere_in_the_log_leaves_the_state_of_events_that_were_nobodys(fold: Fold) -> None:
    @laws
    @given(st.data())
    def law(drawn: st.DataObject) -> None:
        events = named(fold.kind, drawn.draw(data.events(fold.kind).filter(bool)))
        assume(events)
        frame = data.frame(fold.kind, events)
        place = drawn.draw(st.integers(0, len(events)))
        offset, end = 9 + 3 * place, 12 + 3 * len(events)
        person = asked(linked(events[:place], drawn.draw(st.sampled_from(["v1", "u1"]))))
        cuts = [0, *sorted(drawn.draw(st.lists(st.integers(1, end - 1), max_size=5, unique=True))), end]
        erased = folded(fold, frame, cuts, Notice(offset, person))
        gone = of_subject(frame, person, SUBJECTS) & (frame["_offset"] < offset)
        never = folded(fold, stubbed(frame, _kind(fold), gone), [0, end], None)
        assert erased.watermark == never.watermark
        assert _compared(fold, erased.rows).equals(_compared(fold, never.rows), null_equal=True)
        if gone.any() and any(name in fold.schema for name in HOLDERS):
            assert not of_subject(_before(fold, never.rows, offset), person, HOLDERS).any()

    law()


def _compared(fold: Fold, rows: pl.DataFrame) -> pl.DataFrame:
    """All but exemplars: a state knows the slowest only, so an erasure leaves none where one read anew has the next."""
    return rows.drop(*EXEMPLARS, strict=False).sort(fold.keys)


@laws
@given(events=data.events("span").filter(bool), place=st.integers(0, 30))
def test_no_exemplar_outlives_an_erasure_in_state_changelog_or_sink(events: Events, place: int) -> None:
    fold, offset = Latencies(), 9 + 3 * min(place, len(events))
    before = data.frame("span", events).filter(pl.col("_offset") < offset)
    state = PartitionState.recover(fold, 0, [])
    state.add(before, offset - 1)
    shown = [state.take_delta(snapshot_every=99)] if place % 2 else []
    ours = state.rows.filter(pl.col("project") == "p")
    state.add(before.clear(), offset, [Notice(offset, asked({"v1"}))])
    last = state.take_delta(snapshot_every=99)
    assert last is not None
    assert last.snapshot
    for rows in (state.rows, state.output(last)):
        assert set(rows.filter(pl.col("project") == "p")["exemplar_trace_id"]) <= {""}
    if any(shown):  # what the sink had shown is written over
        written = last.rows.filter(pl.col(CHANGED) & (pl.col("project") == "p"))
        assert ours.join(written, on=fold.keys, how="anti").is_empty()


def _kind(fold: Fold) -> Kind:
    return next(kind for kind in KINDS if kind == fold.kind)


def _before(fold: Fold, rows: pl.DataFrame, offset: int) -> pl.DataFrame:
    return rows.filter(pl.col("first_offset") < offset) if "first_offset" in fold.schema else rows


def test_a_slow_trace_of_a_person_is_not_left_behind() -> None:
    row = data.events("span").filter(bool)

    @laws
    @given(row)
    def law(events: Events) -> None:
        theirs = [{**e, "project": "p", "visitor": "v1", "duration_seconds": 3.0, "trace_id": "a" * 32} for e in events]
        frame, end = data.frame("span", theirs), 12 + 3 * len(theirs)
        state = folded(Latencies(), frame, [0, end], Notice(end - 1, asked({"v1"})))
        assert set(state.rows["exemplar_trace_id"]) <= {""}

    law()


def test_what_is_told_again_with_less_takes_nothing_back() -> None:
    place, more = ("clean.track", 0), {"v1", "v2"}
    frame = data.frame("track", [_track(visitor="v1"), _track(visitor="v2"), _track(visitor="v3")])
    tombstones = Tombstones()
    tombstones.add(replace(asked(more), positions={place: 15}), asked({"v1"}))  # a retry of the request came late
    assert tombstones.erased(frame, *place).to_list() == [True, True, False]
    assert tombstones.find("r") == replace(asked(more), positions={place: 15})


def test_of_several_erasures_each_goes_up_to_its_own_place() -> None:
    place, other = ("clean.track", 0), ("clean.track", 1)
    frame = data.frame("track", [_track(visitor=each) for each in ("v1", "v2", "v1", "v2", "v3")])
    tombstones = Tombstones()
    assert not tombstones.erased(frame, *place).any()
    for number, (person, at) in enumerate([("v1", 12), ("v2", 20), ("v1", 11)]):
        tombstones.add(replace(asked({person}), receipt_id=str(number), positions={place: at}))
    assert tombstones.erased(frame, *place).to_list() == [True, True, False, True, False]
    assert not tombstones.erased(frame, *other).any()


def test_events_are_looked_at_while_erasures_come_in() -> None:
    place, frame = ("clean.track", 0), data.frame("track", [_track(visitor="v1")])
    tombstones = Tombstones()
    tombstones.add(replace(asked({"v1"}), positions={place: 15}))

    def come_in() -> None:
        for number in range(400):
            tombstones.add(replace(asked({f"w{number}"}), receipt_id=f"w{number}", positions={place: 15}))

    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(come_in)
        while not coming.done():
            assert tombstones.erased(frame, *place).to_list() == [True]
            assert tombstones.from_before(frame) is not None
        coming.result()


def _track(**fields: Any) -> dict[str, Any]:
    plain = dict.fromkeys((*data.ENVELOPE, *data.KINDS["track"]))
    times = {"occurred_at": data.BASE, "received_at": data.BASE}
    return {**plain, "project": "p", "type": "track", "name": "open", "sample_rate": 1.0, **times, **fields}


@laws
@given(events=data.events("track").filter(bool), until=st.integers(-8, 8), person=st.sampled_from(["v1", "u1", "v3"]))
def test_the_gate_finds_what_a_plain_look_at_each_event_finds(events: Events, until: int, person: str) -> None:
    frame, erasure = data.frame("track", events), asked({person}, data.BASE + until * 900 * data.SECOND)
    tombstones = Tombstones()
    assert tombstones.from_before(frame) is None
    tombstones.add(erasure)
    expected = [
        e["project"] == "p"
        and person in {e["visitor"], e["user"], e["previous"]}
        and min(e["occurred_at"], e["received_at"]) <= erasure.requested_at
        for e in events
    ]
    found = tombstones.from_before(frame)
    assert (found.to_list() if found is not None else [False] * len(events)) == expected
