"""A tenth of the events tells, in every view that counts, what all of them do; views that can't say so.

Each event is kept or left out by itself, so that a count of n has a binomial error: a standard deviation of
sqrt(n (1 - rate) / rate) for an estimate of n equal draws.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from clickhouse_connect.driver.client import Client
from tests.property.stream.events import frame

from tidegate_infra.addresses import ClickHouseAddress
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.topics import clean_topic
from tidegate_sinks.clickhouse import Address, connect
from tidegate_sinks.writer import ClickHouseWriter
from tidegate_stream.archive import event_rows
from tidegate_stream.folds import advance, all_folds, empty_state

pytestmark = pytest.mark.clickhouse

RATE, SIGMAS, VISITORS = 0.1, 5.0, 1_500
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
SECONDS = {"request": 0.25, "query": 0.125}
MEAN_SECONDS = (2 * SECONDS["request"] ** 2 + SECONDS["query"] ** 2) / (2 * SECONDS["request"] + SECONDS["query"])

#: What is weighted, by view: the column, and what one event adds to it.
ESTIMATED: Mapping[str, Mapping[str, float]] = {
    "activity": {"events": 1},
    "agent_use": {"installs": 1, "runs": 1, "failures": 1},
    "endpoint_errors": {"requests": 1, "client_errors": 1, "server_errors": 1, "exceptions": 1},
    "endpoint_latency": {"requests": 1},
    "error_rates": {"requests": 1, "client_errors": 1, "server_errors": 1, "exceptions": 1},
    "issues": {"events": 1},
    "latencies": {"count": 1, "sum_seconds": MEAN_SECONDS},
    "metric_windows": {"count": 1, "sum": 2, "increase": 2},
    "query_performance": {"calls": 1},
    "sampling": {"events": 1},
    "sessions": {"events": 1, "pageviews": 1},
    "usage": {"count": 1, "failures": 1},
}
#: What counts different persons or sessions: of those that were kept, as its comment says.
KEPT_ONLY: Mapping[str, str] = {
    "activity": "count()",
    "agent_use": "max(persons)",
    "dau": "sum(users)",
    "issues": "max(persons)",
    "mau": "sum(users)",
    "sessions": "count()",
    "sessions_daily": "sum(sessions)",
}
#: One row an event or a report, gauges of the present state, and what is never sampled: the ledger's numbers, and the
#: sessions that clients report themselves, all of them.
NO_ESTIMATE = {
    *("check_ins", "dead_letters", "endpoint_health", "errors", "events", "exemplars", "feedback", "identities"),
    *("consents", "erasures", "persons", "properties", "rotations"),
    *("ledger", "ledger_entries", "logs", "metrics", "outcomes", "pool_use", "producers", "reconciliation"),
    *("consents", "erasures", "persons", "properties", "rotations"),
    *("release_health", "releases", "reported_sessions", "resources", "slow_traces", "spans", "visitors"),
}


def traffic() -> dict[str, list[dict[str, Any]]]:
    """Visitors who all do the same within ten minutes: see, install, run and ask."""
    made: dict[str, list[dict[str, Any]]] = {"track": [], "error": [], "span": [], "metric": []}

    def add(kind: str, visitor: int, place: int, **fields: Any) -> None:
        at = NOON + timedelta(seconds=600 * visitor / VISITORS + place / 10)
        event_id = derived_event_id(kind, str(visitor), str(place))
        common = {"event_id": event_id, "visitor": f"v{visitor}", "environment": "", "release": "", "service": "shop"}
        times = {"occurred_at": at, "received_at": at, "producer_id": "p", "sequence": 0}
        made[kind].append({**common, **times, "name": fields.pop("name", kind), **fields})

    for visitor in range(VISITORS):
        add("track", visitor, 0, type="page", feature="", agent="", failed=False)
        add("track", visitor, 1, name="agent_installed", type="track", feature="shop", agent="scout", failed=False)
        for run in range(2):
            add("track", visitor, 2 + run, name="agent_run", type="track", feature="", agent="scout", failed=run == 1)
        for place, code in enumerate((200, 404, 500)):
            request = {"operation": "request", "duration_seconds": SECONDS["request"], "status_code": code}
            add("span", visitor, place, **request, **_span("/cart", "GET"))
        query = {"operation": "query", "duration_seconds": SECONDS["query"], "status_code": 0}
        add("span", visitor, 9, **query, **(_span("", "") | {"statement": "SELECT carts", "db_system": "sqlite"}))
        add("error", visitor, 3, name="ValueError", level="error", route="/cart", method="GET")
        counter = {"instrument": "counter", "temporality": "delta", "value": 2.0, "instance": "i", "unit": "1"}
        begun = NOON - timedelta(seconds=1)
        add("metric", visitor, 0, name="orders", started_at=begun, attributes="{}", count=0, sum=0.0, **counter)
    return made


def _span(route: str, method: str) -> dict[str, Any]:
    return {"status": "ok", "route": route, "method": method, "statement": "", "db_system": ""}


async def store(client: Client, project: str, made: Mapping[str, list[dict[str, Any]]], rate: float) -> None:
    """Events as the archive's agents write them, and what the folds make of them."""
    writer = ClickHouseWriter(client)
    frames = {
        kind: frame(kind, [{**event, "project": project, "sample_rate": rate} for event in events])
        for kind, events in made.items()
    }
    for kind, events in frames.items():
        rows = event_rows(events).with_columns(version=pl.col("clean_offset").cast(pl.UInt64))
        await writer.upsert(f"events_{kind}", rows)
    for fold in all_folds():
        if fold.kind in frames and fold.name != "ledger":
            part, mark = fold.partial(frames[fold.kind], 0)
            _, changed = advance(fold, empty_state(fold), [part])
            rows = fold.output(changed, fold.expired(changed, mark))
            topic = pl.lit(clean_topic(fold.kind))  # type: ignore[arg-type]
            await writer.upsert(fold.table, rows.with_columns(source_topic=topic, version=pl.lit(1, pl.UInt64)))


def thinned(made: Mapping[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    rng = random.Random(11)
    return {kind: [event for event in events if rng.random() < RATE] for kind, events in made.items()}


@pytest.fixture(scope="module")
def client(tables: ClickHouseAddress) -> Client:
    """One engine with the same traffic thrice: whole, a tenth with its weights, and that tenth without them."""
    client = connect(Address(tables.url, "writer", tables.writer_password))
    made = traffic()
    kept = thinned(made)
    for project, events, rate in (("whole", made, 1.0), ("tenth", kept, RATE), ("unweighted", kept, 1.0)):
        asyncio.run(store(client, project, events, rate))
    return client


def sums(client: Client, project: str) -> dict[tuple[str, str], float]:
    """Every weighted measure of every view."""
    return {
        (view, column): float(
            client.query(
                f"SELECT sum({column}) FROM analytics.{view} WHERE project = {{project:String}}",
                parameters={"project": project},
            ).result_rows[0][0]
        )
        for view, columns in ESTIMATED.items()
        for column in columns
    }


def far(whole: Mapping[tuple[str, str], float], estimate: Mapping[tuple[str, str], float]) -> set[tuple[str, str]]:
    """Measures that differ by more than chance explains."""
    odds = (1 - RATE) / RATE
    return {
        (view, column)
        for (view, column), value in whole.items()
        if abs(estimate[view, column] - value) > SIGMAS * math.sqrt(odds * value * ESTIMATED[view][column])
    }


def test_a_tenth_of_the_events_tells_in_every_view_what_all_of_them_do(client: Client) -> None:
    whole = sums(client, "whole")
    assert min(whole.values()) >= VISITORS / 2
    assert far(whole, sums(client, "tenth")) == set()


def test_control_without_their_weights_every_one_of_them_is_wrong(client: Client) -> None:
    whole = sums(client, "whole")
    assert far(whole, sums(client, "unweighted")) == set(whole)


def test_percentiles_are_those_of_all(client: Client) -> None:
    sql = "SELECT tidegateQuantile(sumMap(sketch), 0.5) FROM analytics.latencies WHERE project = {project:String}"
    found = [client.query(sql, parameters={"project": name}).result_rows[0][0] for name in ("whole", "tenth")]
    assert found[0] == found[1] == pytest.approx(SECONDS["request"], rel=0.0101)


def test_a_sampled_session_of_one_event_is_a_bounce(client: Client) -> None:
    sql = "SELECT sum(bounce_rate * sessions), sum(sessions) FROM analytics.sessions_daily WHERE project = 'tenth'"
    ((bounced, sessions),) = client.query(sql).result_rows
    single = "SELECT countIf(events < 15) FROM analytics.sessions WHERE project = 'tenth'"
    assert round(bounced) == client.query(single).result_rows[0][0]
    assert 0 < bounced < sessions


def test_what_counts_persons_and_sessions_counts_the_kept_ones_and_says_so(client: Client) -> None:
    for view, expression in KEPT_ONLY.items():
        whole, tenth = (
            float(
                client.query(
                    f"SELECT {expression} FROM analytics.{view} WHERE project = {{project:String}}",
                    parameters={"project": project},
                ).result_rows[0][0]
            )
            for project in ("whole", "tenth")
        )
        assert tenth < 0.6 * whole, view
        told = "SELECT comment FROM system.tables WHERE database = 'analytics' AND name = {view:String}"
        assert "sampled (analytics.sampling)" in client.query(told, parameters={"view": view}).result_rows[0][0], view


def test_a_day_says_what_was_sampled(client: Client) -> None:
    columns = "project, kind, kept, round(events), lowest_rate"
    sql = f"SELECT {columns} FROM analytics.sampling WHERE project IN ('whole', 'tenth')"
    found = {(project, kind): rest for project, kind, *rest in client.query(sql).result_rows}
    kept = {kind: len(events) for kind, events in thinned(traffic()).items()}
    for kind, number in kept.items():
        assert found["tenth", kind] == [number, number * 10, RATE]
        assert found["whole", kind][2] == 1.0


def test_no_view_is_left_out(client: Client) -> None:
    views = {
        name for (name,) in client.query("SELECT name FROM system.tables WHERE database = 'analytics'").result_rows
    }
    plain = {view for view in views if not view.endswith("_since")}
    assert plain == ESTIMATED.keys() | KEPT_ONLY.keys() | NO_ESTIMATE
