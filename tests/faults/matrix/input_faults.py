"""Faults of what is sent. Rows of what is sent besides (project `aside`) are checked here, all others by comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.faults.events import BEGIN, batch
from tests.faults.matrix.process_faults import Fault
from tests.faults.matrix.run import ACCOUNTS, ASIDE, BATCH_EVENTS, BATCHES, Run

from tidegate_schemas.framing import single_object_header
from tidegate_schemas.history import known_versions
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import raw_schema
from tidegate_schemas.topics import KINDS, Kind, raw_topic

NUMBER = 50
LETTERS = "SELECT count() FROM analytics.dead_letters WHERE reason = {reason:String}"
OVERSIZE_BYTES = 5_000_000


def aside(name: str, occurred_at: datetime, received_at: datetime) -> Iterator[tuple[Kind, dict[str, Any]]]:
    """Track events that stay out of the comparison."""
    for index in range(NUMBER):
        yield (
            "track",
            {
                "event_id": derived_event_id(ASIDE, name, str(index)),
                "producer_id": ASIDE,
                "sequence": 0,
                "project": ASIDE,
                "name": name,
                "anonymous_id": f"visitor-{index}",
                "occurred_at": occurred_at,
                "received_at": received_at,
            },
        )


def poison_records(run: Run) -> None:
    """Bytes that are no event, empty ones, and records cut short, among the events."""
    run.compared_without = ACCOUNTS
    (_, event), *_ = [pair for pair in batch(0) if pair[0] == "track"]
    whole = RowCodec(raw_schema("track")).encode(event | {"event_id": derived_event_id("poison")})
    for kind in KINDS:
        if run.fed < BATCHES:
            run.feed()
        run.produce(
            raw_topic(kind), b"\x00", b"no event at all", b"", *(whole[: len(whole) - cut] for cut in (1, 9, 99))
        )


def unknown_and_incompatible_schema(run: Run) -> None:
    """A schema that nobody registered, and records that aren't of the schema that they claim."""
    run.compared_without = ACCOUNTS
    run.feed()
    before = _letters(run, "unknown_schema")
    run.produce("raw.track", *(single_object_header(bytes([n] * 8)) + b"\x02\x04hi" for n in range(NUMBER)))
    body = RowCodec(raw_schema("span")).encode(next(event for kind, event in batch(1) if kind == "span"))[10:]
    header = single_object_header(raw_schema("track").fingerprint)
    run.produce("raw.track", *([header + body] * NUMBER))
    run.feed()
    run.drain()
    run.object(_letters(run, "unknown_schema") - before, NUMBER, "dead letters of an unknown schema")
    run.object(_letters(run, "malformed_avro"), NUMBER, "dead letters of an incompatible schema")


def all_schema_versions(run: Run) -> None:
    """One chunk with records of every recorded version of every kind."""
    run.compared_without = ACCOUNTS - {"dead_letters", "outcomes"}
    run.feed()
    expected = {}
    for kind in KINDS:
        versions = known_versions(raw_schema(kind))
        sample = next(event for each, event in batch(0, 200) if each == kind)
        values = []
        for index in range(NUMBER):
            for number, version in enumerate(versions):
                own = {"event_id": derived_event_id(ASIDE, kind, str(index), str(number))}
                values.append(RowCodec(version).encode(sample | own | {"project": ASIDE, "producer_id": ASIDE}))
        run.produce(raw_topic(kind), *values)
        expected[kind] = len(values)
    run.feed()
    run.drain()
    for kind, number in expected.items():
        found = run.stack.ask(f"SELECT count() FROM tidegate.events_{kind} FINAL WHERE project = 'tidegate'")
        run.object(found, number, f"{kind} events of all versions")


def oversize_messages(run: Run) -> None:
    """Records of megabytes."""
    run.compared_without = ACCOUNTS
    run.feed()
    header = single_object_header(raw_schema("track").fingerprint)
    run.produce("raw.track", *([header + b"x" * OVERSIZE_BYTES] * 3))
    run.feed()
    run.drain()
    run.object(_letters(run, "oversize"), 3, "dead letters of oversize records")


def clock_skew(run: Run) -> None:
    """Clocks in 2099 and in 1970: their events are kept apart, and nobody else's window closes."""
    run.compared_without = ACCOUNTS
    run.feed()
    now = datetime.now(UTC)
    run.stack.publish(aside("future", datetime(2099, 6, 1, tzinfo=UTC), now))
    run.stack.publish(aside("past", datetime(1970, 1, 2, tzinfo=UTC), now))
    run.feed()
    run.drain()
    stored = "SELECT count() FROM tidegate.events_track FINAL WHERE project = 'tidegate' AND toYear(occurred_at) = 2099"
    run.object(run.stack.ask(stored), NUMBER, "events of 2099 stored")
    run.object(_letters(run, "invalid_field"), NUMBER, "events of 1970 dead-lettered")


def late_events(run: Run) -> None:
    """Events hours late, within lateness and beyond: counted in the window in which they happened."""
    run.compared_without = ACCOUNTS
    run.feed()
    run.feed()
    late, too_late = BEGIN - timedelta(minutes=30), BEGIN - timedelta(hours=7)
    for at, name in ((late, "late"), (too_late, "too_late")):
        run.stack.publish(aside(name, at, BEGIN))
    run.feed()
    run.drain()
    for at, name in ((late, "late"), (too_late, "too_late")):
        window = at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)
        counted = run.stack.client.query(
            "SELECT toFloat64(sum(count)), max(revision) > 0 FROM tidegate.usage FINAL "
            "WHERE project = 'tidegate' AND event = {name:String} AND window_start = {window:DateTime('UTC')}",
            parameters={"name": name, "window": window},
        ).result_rows[0]
        run.object(tuple(counted), (float(NUMBER), 1), f"{name} events in their window, revised")


def duplicate_producers(run: Run) -> None:
    """A second producer sends everything that the first one has sent."""
    run.compared_without = ACCOUNTS
    for number in range(3):
        run.feed()
        run.stack.publish(batch(number, BATCH_EVENTS))


def _letters(run: Run, reason: str) -> int:
    return int(run.stack.client.query(LETTERS, parameters={"reason": reason}).result_rows[0][0])


INPUT_FAULTS: Mapping[str, Fault] = {
    "poison records": Fault(poison_records, vanilla=True),
    "unknown and incompatible schema": Fault(unknown_and_incompatible_schema),
    "one chunk of all schema versions": Fault(all_schema_versions),
    "oversize messages": Fault(oversize_messages),
    "clock skew, a timestamp in 2099": Fault(clock_skew),
    "events hours late": Fault(late_events),
    "duplicate producers": Fault(duplicate_producers, vanilla=True),
}
