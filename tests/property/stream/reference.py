"""The folds once more, row by row, as one would write them without columns, chunks or merging."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tidegate_stream.folds.points import FORGET_MICROS, FRESH_MICROS
from tidegate_stream.folds.sketch import GAMMA, bucket_of

Event = dict[str, Any]
Row = dict[str, Any]
SECOND = 1_000_000
LATENESS = 3600 * SECOND
GAP, CAP = 1800 * SECOND, 86_400 * SECOND


def timed(events: Sequence[Event]) -> Iterator[tuple[int, int, Event]]:
    """Offset, watermark and event, in order."""
    watermark = 0
    for number, event in enumerate(events):
        if event["occurred_at"] <= event["received_at"] + 300 * SECOND:
            watermark = max(watermark, event["occurred_at"])
        yield 10 + 3 * number, watermark, event


def windowed(events: Sequence[Event], size: int) -> Iterator[tuple[int, tuple[int, int], int, Event]]:
    """Offset, (window, incarnation), whether late, and event."""
    for offset, watermark, event in timed(events):
        start = event["occurred_at"] // size * size
        late = start + size <= watermark
        incarnation = watermark // LATENESS + 1 if start + size <= watermark - LATENESS else 0
        yield offset, (start, incarnation), int(late), event


def weight(event: Event) -> float:
    return 1 / float(event["sample_rate"])


def tumbling(
    events: Sequence[Event],
    size: int,
    keys: Callable[[Event], list[tuple[Any, ...]]],
    add: Callable[[Row, Event], None],
) -> dict[tuple[Any, ...], Row]:
    """Rows by (window, incarnation) and key; `add` puts an event into its row."""
    rows: dict[tuple[Any, ...], Row] = {}
    for offset, window, late, event in windowed(events, size * SECOND):
        for key in keys(event):
            row = rows.setdefault((*window, *key), {"first_offset": offset, "revision": 0})
            row["revision"] += late
            add(row, event)
    return rows


def bump(row: Row, name: str, amount: float) -> None:
    row[name] = row.get(name, 0.0) + amount


PLACE = ("project", "environment", "release", "service", "route", "method")


def latencies(events: Sequence[Event]) -> dict[tuple[Any, ...], Row]:
    def add(row: Row, event: Event) -> None:
        seconds = event["duration_seconds"]
        bump(row, "count", weight(event))
        bump(row, "sum_seconds", seconds * weight(event))
        row["min_seconds"] = min(seconds, row.get("min_seconds", seconds))
        row["max_seconds"] = max(seconds, row.get("max_seconds", seconds))
        sketch = row.setdefault("sketch", defaultdict(float))
        sketch[bucket_of(seconds)] += weight(event)
        nobodys = not (event["visitor"] or event["user"])
        named = (seconds, event["trace_id"]) if event["trace_id"] and nobodys else (0.0, "")
        before = (row.get("exemplar_seconds", 0.0), row.get("exemplar_trace_id", ""))
        row["exemplar_seconds"], row["exemplar_trace_id"] = max(before, named)

    names = (*PLACE, "operation", "statement", "db_system")
    return tumbling(events, 10, lambda event: [tuple(event[name] for name in names)], add)


def request_rates(events: Sequence[Event]) -> dict[tuple[Any, ...], Row]:
    def add(row: Row, event: Event) -> None:
        code = event["status_code"]
        bump(row, "requests", weight(event))
        bump(row, "client_errors", weight(event) * (400 <= code < 500))
        bump(row, "server_errors", weight(event) * (code >= 500 or (code == 0 and event["status"] == "error")))

    def keys(event: Event) -> list[tuple[Any, ...]]:
        return [tuple(event[name] for name in PLACE)] if event["operation"] == "request" else []

    return tumbling(events, 10, keys, add)


def usage(events: Sequence[Event]) -> dict[tuple[Any, ...], Row]:
    def add(row: Row, event: Event) -> None:
        bump(row, "count", weight(event))
        bump(row, "failures", weight(event) * event["failed"])

    def keys(event: Event) -> list[tuple[Any, ...]]:
        counted = event["type"] in ("track", "page", "screen")
        return [(event["project"], event["name"], event["feature"], event["agent"])] if counted else []

    return tumbling(events, 900, keys, add)


def ledger(events: Sequence[Event]) -> dict[tuple[Any, ...], Row]:
    """Numbers by producer and minute of receipt, 64 to a word."""

    def word(event: Event) -> int:
        return (event["sequence"] - 1) // 64 if 1 <= event["sequence"] <= 2**40 else -1

    def add(row: Row, event: Event) -> None:
        row["stored"] = row.get("stored", 0) + 1
        row["bits"] = row.get("bits", 0) | (1 << (event["sequence"] - 1) % 64 if word(event) >= 0 else 0)

    received = [{**event, "occurred_at": event["received_at"]} for event in events]
    return tumbling(received, 60, lambda event: [(event["project"], event["producer_id"], word(event))], add)


def activity(events: Sequence[Event]) -> dict[tuple[Any, ...], Row]:
    def add(row: Row, event: Event) -> None:
        bump(row, "events", weight(event))
        row["features"] = sorted({*row.get("features", []), *filter(None, [event["feature"]])})

    def keys(event: Event) -> list[tuple[Any, ...]]:
        known = event["visitor"] and event["type"] != "alias"
        return [(event["project"], event["visitor"], event["user"] or "")] if known else []

    return tumbling(events, 900, keys, add)


def release_health(events: Sequence[Event]) -> dict[tuple[Any, ...], Row]:
    def add(row: Row, event: Event) -> None:
        own, state = event["report"] == "session" and bool(event["session"]), event["state"]
        errored = event["errors"] > 0 or state == "errored"
        marks = {"init": event["init"], "errored": errored} | {name: state == name for name in ("crashed", "abnormal")}
        for name, mark in marks.items():
            row[name] = max(row.get(name, 0), int(own and mark))
        row["user"] = max(row.get("user", ""), event["user"] or "")
        row["duration_seconds"] = max(row.get("duration_seconds", 0.0), event["duration_seconds"] * own)
        number = 0 if own else event["quantity"] if event["report"] == "sessions" else int(event["init"])
        kinds = {"": True, "_errored": errored and state not in ("crashed", "abnormal")}
        for name, counts in (kinds | {f"_{name}": state == name for name in ("crashed", "abnormal")}).items():
            row[f"counted{name}"] = row.get(f"counted{name}", 0) + number * counts

    def keys(event: Event) -> list[tuple[Any, ...]]:
        session = event["session"] if event["report"] == "session" else None
        place = (event["project"], event["environment"], event["release"], session or event["user"] or "")
        return [place] if event["report"] in ("session", "sessions") else []

    return tumbling(events, 600, keys, add)


def identities(events: Sequence[Event]) -> dict[tuple[Any, ...], Row]:
    def add(row: Row, event: Event) -> None:
        row["first_seen"] = min(event["occurred_at"], row.get("first_seen", event["occurred_at"]))

    def keys(event: Event) -> list[tuple[Any, ...]]:
        visitor, user, previous, kind = event["visitor"], event["user"], event["previous"], event["type"]
        today = (user or visitor) if kind != "identify" else visitor
        pairs = [(visitor, user), (previous, user if kind == "alias" else today)]
        return [(event["project"], one, other) for one, other in pairs if one and other and one != other]

    return tumbling(events, 86_400, keys, add)


def sessions(events: Sequence[Event]) -> dict[tuple[Any, ...], Row]:
    """Sessions by project, visitor and first offset, from all events at once."""
    lanes: dict[tuple[Any, ...], list[tuple[int, int, Event]]] = defaultdict(list)
    for offset, watermark, event in timed(events):
        if event["visitor"]:
            late = event["occurred_at"] < watermark - LATENESS
            lane = watermark // LATENESS + 1 if late else 0
            lanes[event["project"], event["visitor"], lane].append((event["occurred_at"], offset, event))
    rows = {}
    for (project, visitor, _), lane_events in lanes.items():
        for session in split(sorted(lane_events, key=lambda item: item[:2])):
            rows[project, visitor, min(offset for _, offset, _ in session)] = session_row(session)
    return rows


def split(events: list[tuple[int, int, Event]]) -> Iterator[list[tuple[int, int, Event]]]:
    """Runs without a gap, cut where a cell would end more than the cap after the session's start."""
    session: list[tuple[int, int, Event]] = []
    for at, offset, event in events:
        cell_end = max(other for other, _, _ in events if other // GAP == at // GAP)
        new_cell = session and session[-1][0] // GAP != at // GAP
        if session and (at - session[-1][0] > GAP or (new_cell and cell_end - session[0][0] > CAP)):
            yield session
            session = []
        session.append((at, offset, event))
    if session:
        yield session


def session_row(session: list[tuple[int, int, Event]]) -> Row:
    pages = [event["url"] for _, _, event in session if event["url"]]
    users = [event["user"] for _, _, event in session if event["user"]]
    return {
        "started_at": session[0][0],
        "ended_at": session[-1][0],
        "user": users[-1] if users else "",
        "entry_url": pages[0] if pages else "",
        "exit_url": pages[-1] if pages else "",
        "release": session[0][2]["release"],
        "environment": session[0][2]["environment"],
        "events": sum(weight(event) for _, _, event in session),
        "pageviews": sum(weight(event) for _, _, event in session if event["type"] in ("page", "screen")),
        "features": sorted({event["feature"] for _, _, event in session} - {""}),
    }


SERIES = ("project", "environment", "service", "name", "instrument", "unit", "attributes")


def metrics(events: Sequence[Event]) -> dict[tuple[Any, ...], Row]:
    """Windows by series; cumulative totals by their growth since the point before, one after the other."""
    rows: dict[tuple[Any, ...], Row] = {}
    last: dict[tuple[Any, ...], tuple[float, int]] = {}
    marks = {offset: watermark for offset, watermark, _ in timed(events)}
    for offset, window, late, event in windowed(events, 10 * SECOND):
        series = tuple(event[name] for name in SERIES)
        row = rows.setdefault((*window, *series), {"first_offset": offset, "revision": 0, "order": (-1, -1)})
        row["revision"] += late
        add_point(row, event, offset)
        for component, total in amounts(event):
            grown = total
            if event["temporality"] == "cumulative":
                stream = (*series, component, event["instance"] or event["producer_id"], start_of(event))
                grown = growth(event, total, last.get(stream), marks[offset])
                last[stream] = total, marks[offset]
            parts = row.setdefault("parts", defaultdict(float))
            parts[component] += grown
    return rows


def add_point(row: Row, event: Event, offset: int) -> None:
    histogram = event["instrument"] == "histogram"
    value = event["sum"] / event["count"] if histogram else event["value"]
    row["min"], row["max"] = min(value, row.get("min", value)), max(value, row.get("max", value))
    bump(row, "count", weight(event))
    bump(row, "sum", value * weight(event))
    if (event["occurred_at"], offset) > row["order"]:
        row["order"], row["last"] = (event["occurred_at"], offset), value


def start_of(event: Event) -> int | None:
    return event["started_at"] if 0 < event["started_at"] < event["occurred_at"] else None


def growth(event: Event, total: float, before: tuple[float, int] | None, mark: int) -> float:
    start = start_of(event)
    if before is None or mark - before[1] >= FORGET_MICROS:
        fresh = start is not None and event["occurred_at"] - start <= FRESH_MICROS
        return total if fresh else 0.0
    return total - before[0] if start is not None or total >= before[0] else total


def amounts(event: Event) -> list[tuple[str | int, float]]:
    """Weighted totals of a counter or histogram by component."""
    scale = weight(event)
    if event["instrument"] == "counter":
        return [("increase", event["value"] * scale)]
    if event["instrument"] != "histogram":
        return []
    low = [None, *event["bucket_bounds"]]
    high = [*event["bucket_bounds"], None]
    parts: dict[int, float] = defaultdict(float)
    for lower, upper, count in zip(low, high, event["bucket_counts"], strict=True):
        parts[bucket_of(middle(lower, upper))] += count * scale
    return [("count", event["count"] * scale), ("sum", event["sum"] * scale), *parts.items()]


def middle(low: float | None, high: float | None) -> float:
    if high is None:
        return (low or 0.0) * GAMMA
    return (low * high) ** 0.5 if low else high / 2
