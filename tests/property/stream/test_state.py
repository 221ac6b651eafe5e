"""Any cut of the records into chunks, flushes and crashes gives the state and the table of one undisturbed run."""

from dataclasses import replace

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.property.stream.events import BASE, frame
from tests.property.stream.events import events as some_events

from tidegate_stream.folds.error_rates import RequestRates
from tidegate_stream.folds.fold import Fold
from tidegate_stream.folds.latencies import Latencies
from tidegate_stream.state.delta import Delta, assemble, chain
from tidegate_stream.state.partition import PartitionState

LAWS = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SORT_KEY = ["window_start", "project", "environment", "release", "service", "route", "method", "first_offset"]


class Table:
    """What ReplacingMergeTree keeps: of each sort key, the row with the highest version."""

    def __init__(self) -> None:
        self.rows: dict[tuple[object, ...], dict[str, object]] = {}

    def upsert(self, rows: pl.DataFrame, version: int) -> None:
        for row in rows.iter_rows(named=True):
            key = tuple(row[name] for name in SORT_KEY)
            if key not in self.rows or int(str(self.rows[key]["version"])) <= version:
                self.rows[key] = {**row, "version": version}

    def facts(self) -> list[tuple[object, ...]]:
        names = [*SORT_KEY, "requests", "client_errors", "server_errors", "exceptions", "revision"]
        return sorted(tuple(str(row[name]) for name in names) for row in self.rows.values())


class Run:
    """One agent on one partition: its log of deltas, its table, and a state that a crash takes away."""

    def __init__(self, fold: Fold) -> None:
        self.fold, self.table = fold, Table()
        self.log: dict[bytes, bytes] = {}
        self.state = PartitionState.recover(fold, 0, [])

    def add(self, events: pl.DataFrame) -> None:
        if events.height:
            self.state.add(events, int(events["_offset"][-1]))

    def flush(self, snapshot_every: int, *, die: str = "") -> None:
        delta = self.state.take_delta(snapshot_every)
        if delta is None or die == "before the changelog":
            self.crash(only_if=bool(die))
            return
        self.log |= dict(delta.entries(page_bytes=2_000))
        if die == "before the sink":
            self.crash()
            return
        rest, closing = self.state.closing()
        self.table.upsert(self.state.output(delta), delta.fence)
        if closing is not None:
            self.table.upsert(closing, delta.fence)
        if die == "before durable":
            self.crash()
            return
        self.state.rows = rest
        self.state.durable = delta.fence
        if delta.snapshot:
            self._forget(delta)

    def _forget(self, snapshot: Delta) -> None:
        own = {key for key, _ in snapshot.entries(page_bytes=2_000)}
        fences = {key: int(key.split(b"/")[1]) for key in self.log}
        for key in [key for key, fence in fences.items() if fence <= snapshot.fence and key not in own]:
            del self.log[key]

    def crash(self, *, only_if: bool = True) -> None:
        if not only_if:
            return
        deltas = chain(assemble(self.log))
        self.state = PartitionState.recover(self.fold, 0, deltas)
        if deltas:
            self.table.upsert(self.state.recovered_output(deltas), self.state.fence)


SPAN: dict[str, object] = {"project": "p", "occurred_at": BASE, "received_at": BASE, "operation": "request"}
DEATHS = st.sampled_from(["", "", "", "before the changelog", "before the sink", "before durable"])
CUTS = st.lists(st.tuples(st.integers(1, 12), st.booleans(), DEATHS), min_size=1, max_size=12)


@LAWS
@given(records=some_events("span", 40).filter(bool), cuts=CUTS, snapshot_every=st.integers(0, 3))
def test_crashes_flushes_and_replays_leave_the_table_of_one_run(
    records: list[dict[str, object]], cuts: list[tuple[int, bool, str]], snapshot_every: int
) -> None:
    events = frame("span", records)
    plain = Run(RequestRates())
    plain.add(events)
    plain.flush(100)

    run = Run(RequestRates())
    for size, flush, die in cuts:
        start = run.state.fence + 1  # a crash takes the reader back to what is durable
        run.add(events.filter(pl.col("_offset") >= start - 9).head(size + 3))
        if flush:
            run.flush(snapshot_every, die=die)
    run.add(events)
    run.flush(snapshot_every)

    assert run.state.fence == plain.state.fence
    assert run.table.facts() == plain.table.facts()


@given(offsets=st.lists(st.integers(0, 30), min_size=1, max_size=20))
def test_records_at_or_below_the_fence_are_not_folded_again(offsets: list[int]) -> None:
    state = PartitionState.recover(RequestRates(), 0, [])
    template = frame("span", [SPAN])
    seen: set[int] = set()
    for offset in offsets:
        taken = state.add(template.with_columns(pl.lit(offset, pl.Int64).alias("_offset")), offset)
        assert taken == (0 if seen and offset <= max(seen) else 1)
        seen.add(offset)


@LAWS
@given(before=some_events("span", 20).filter(bool), after=some_events("span", 20).filter(bool))
def test_a_state_of_a_release_whose_fold_had_fewer_columns_goes_on(
    before: list[dict[str, object]], after: list[dict[str, object]]
) -> None:
    fold, events = Latencies(), frame("span", before + after)
    state = PartitionState.recover(fold, 0, [])
    state.add(events.head(len(before)), 10 + 3 * (len(before) - 1))
    delta = state.take_delta(0)
    assert delta is not None
    older = replace(delta, rows=delta.rows.drop("exemplar_seconds", "exemplar_trace_id"))

    recovered, undisturbed = (PartitionState.recover(fold, 0, [given]) for given in (older, delta))
    for each in (recovered, undisturbed):
        each.add(events, 10 + 3 * (events.height - 1))
        each.take_delta(0)
    counted = [name for name in fold.schema if not name.startswith("exemplar")]
    got, wanted = (each.rows.select(counted).sort(fold.keys) for each in (recovered, undisturbed))
    assert got.equals(wanted)
    assert recovered.fold.output(recovered.rows, fold.expired(recovered.rows, 0)).height == wanted.height
