"""All aggregates and the archive on one record at a time, as rows of Tidegate's own tables.

Late records, `(other)`, links of identities, counters and histograms are Tidegate's alone: the inputs have none of
them, and a peer is spared the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from tests.benchmarks.peers import record_windows

from tidegate_schemas.topics import Kind, clean_topic
from tidegate_stream.folds.activity import Activity
from tidegate_stream.folds.error_rates import ExceptionRates
from tidegate_stream.folds.sessions import GAP_SECONDS, VIEWS
from tidegate_stream.folds.usage import Usage
from tidegate_stream.folds.weight import COUNT_SCALE, SECONDS_SCALE

Event = Mapping[str, Any]
Row = dict[str, Any]
#: A table, and the key of one of its rows.
Place = tuple[Any, ...]
JSON_COLUMNS = frozenset({"properties", "attributes"})
RATES = ("client_errors", "server_errors")
SERIES = ("environment", "service", "name", "instrument", "unit", "attributes")


@dataclass(frozen=True)
class Aggregate:
    """A tumbling window's rows: their table, dimensions after the project, and how an event is added to one."""

    table: str
    size_seconds: int
    dimensions: Sequence[str]
    add: Callable[[Row, Event, float], None]


def _activity(row: Row, event: Event, weight: float) -> None:
    row["events"] = row.get("events", 0.0) + weight
    row["features"] = sorted({*row.get("features", []), *filter(None, [event["feature"]])})


def _usage(row: Row, event: Event, weight: float) -> None:
    row["count"] = row.get("count", 0.0) + weight
    row["failures"] = row.get("failures", 0.0) + weight * bool(event["failed"])


def _exceptions(row: Row, _: Event, weight: float) -> None:
    row["exceptions"] = row.get("exceptions", 0.0) + weight


def _metrics(row: Row, event: Event, weight: float) -> None:
    value = row["last"] = event["value"]
    row["last_at"] = event["occurred_at"].timestamp()
    row["min"], row["max"] = min(value, row.get("min", value)), max(value, row.get("max", value))
    row["count"], row["sum"] = row.get("count", 0.0) + weight, row.get("sum", 0.0) + value * weight


#: Of kind `span`, see `record_windows`; sessions are no tumbling windows.
TUMBLING: Mapping[Kind, Sequence[Aggregate]] = {
    "track": (
        Aggregate(Activity.table, Activity.size_seconds, Activity.dimensions, _activity),
        Aggregate(Usage.table, Usage.size_seconds, Usage.dimensions, _usage),
    ),
    "error": (Aggregate("exceptions", ExceptionRates.size_seconds, ExceptionRates.dimensions, _exceptions),),
    "metric": (Aggregate("metric_windows", 10, SERIES, _metrics),),
}
#: Where rows go whose table here has a name of its own, as two kinds fill it.
TABLES = {"exceptions": ExceptionRates.table}


class Aggregates:
    """Adds events to rows that lie in a mapping for each table (a plain one, or a Faust table)."""

    def __init__(self, table: Callable[[str], Any]) -> None:
        self._rows: Mapping[str, Any] = {name: table(name) for name in sources()}
        self._changed: set[Place] = set()

    def add(self, kind: Kind, event: Event, offset: int) -> None:
        """Count an event wherever it counts."""
        weight = 1 / event["sample_rate"]
        if kind == "span":
            place = record_windows.window_of(event), *(event[name] or "" for name in record_windows.DIMENSIONS)
            value, first = self._rows["latencies"].get(place) or (record_windows.empty(), offset)
            self._put("latencies", place, [record_windows.add(value, event), first])
        for one in TUMBLING.get(kind, ()):
            window = int(event["occurred_at"].timestamp()) // one.size_seconds * one.size_seconds
            place = window, *(_dimension(event, name) for name in ("project", *one.dimensions))
            row = dict(self._rows[one.table].get(place) or {"first_offset": offset})
            one.add(row, event, weight)
            self._put(one.table, place, row)
        if kind == "track" and event["visitor"]:
            self._session(event, offset, weight)

    def _session(self, event: Event, offset: int, weight: float) -> None:
        place, at = (event["project"] or "", event["visitor"]), event["occurred_at"].timestamp()
        row = dict(self._rows["sessions"].get(place) or {})
        if not row or at - row["ended_at"] > GAP_SECONDS:
            texts = {name: event[name] or "" for name in ("release", "environment")}
            row = {"first_offset": offset, "started_at": at, "entry_url": event["url"] or "", **texts}
        row["ended_at"], row["exit_url"], row["user"] = at, event["url"] or "", event["user"] or ""
        row["pageviews"] = row.get("pageviews", 0.0) + weight * (event["type"] in VIEWS)
        _activity(row, event, weight)
        self._put("sessions", place, row)

    def _put(self, table: str, place: Place, row: Any) -> None:
        self._rows[table][place] = row
        self._changed.add((table, *place))

    def changed(self, version: int) -> dict[str, list[Row]]:
        """Rows by table that changed since this was asked last."""
        changed, self._changed = self._changed, set()
        topics, found = sources(), dict[str, list[Row]]()
        for table, *place in changed:
            stamp = {"source_topic": topics[table], "source_partition": 0, "version": version}
            for name, row in _rows(table, place, self._rows[table][tuple(place)]):
                found.setdefault(name, []).append({**row, **stamp})
        return found


def sources() -> dict[str, str]:
    """The topic that the rows of each table here come from."""
    of_kind = {one.table: clean_topic(kind) for kind, some in TUMBLING.items() for one in some}
    return {**of_kind, "sessions": clean_topic("track"), "latencies": clean_topic("span")}


def archived(kind: Kind, event: Event, partition: int, offset: int) -> tuple[str, Row]:
    """An event as a row of its table."""
    row = {name: value for name, value in event.items() if value is not None}
    for name in JSON_COLUMNS & row.keys():
        row[name] = orjson.Fragment(row[name])
    return f"events_{kind}", {**row, "source_partition": partition, "clean_offset": offset, "version": offset}


def lines(rows: Iterable[Row]) -> bytes:
    """Rows as JSONEachRow."""
    return b"\n".join(map(orjson.dumps, rows))


def _dimension(event: Event, name: str) -> str:
    return event["name" if name == "event" else name] or ""


def _rows(table: str, place: Sequence[Any], row: Any) -> Iterator[tuple[str, Row]]:
    if table == "sessions":
        yield table, {"project": place[0], "visitor": place[1], **row}
    elif table == "latencies":
        yield from _span_rows(place, *row)
    else:
        (dimensions,) = [one.dimensions for some in TUMBLING.values() for one in some if one.table == table]
        named = dict(zip(("window_start", "project", *dimensions), place, strict=True))
        yield TABLES.get(table, table), {**named, **row}


def _span_rows(place: Sequence[Any], value: record_windows.Value, first_offset: int) -> Iterator[tuple[str, Row]]:
    named = dict(zip(("window_start", *record_windows.DIMENSIONS), place, strict=True))
    named["first_offset"] = first_offset
    count, errors = value[0] / COUNT_SCALE, [number / COUNT_SCALE for number in value[1:3]]
    durations = {
        "count": count,
        "sum_seconds": value[3] / SECONDS_SCALE,
        "min_seconds": value[4],
        "max_seconds": value[5],
        "buckets": [int(bucket) for bucket in value[6]],
        "bucket_counts": [number / COUNT_SCALE for number in value[6].values()],
    }
    yield "latencies", {**named, **durations}
    rates = {name: named[name] for name in named if name not in ("operation", "statement", "db_system")}
    yield "error_rates", {**rates, "requests": count, **dict(zip(RATES, errors, strict=True))}
