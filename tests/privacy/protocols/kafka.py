"""Records written to raw topics by whoever may, a canary in every text of the schema; and records that are none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from tests.privacy.planting import Planter
from tests.privacy.protocols.message import Message, Record

from tidegate_schemas.identity import new_event_id
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import Field, raw_schema
from tidegate_schemas.topics import KINDS, Kind
from tidegate_stream.gate.plan import JSON, URLS
from tidegate_stream.gate.validity import HEX_IDS, rules

IDS = frozenset({"user_id", "anonymous_id", "session_id", "previous_id", "instance_id"})
OWN: dict[Kind, dict[str, Any]] = {
    "track": {},
    "error": {},
    "span": {"operation": "request", "duration_seconds": 0.1},
    "metric": {"instrument": "gauge"},
    "log": {},
    "health": {"report": "feedback"},
}
#: What makes a record a dead letter: found while its chunk is decoded, by the gate's rules, and by its keys.
BROKEN: tuple[dict[str, Any], ...] = (
    {"consent": "perhaps"},
    {"project": "unknown-project"},
    {"sample_rate": 7.0},
    {"properties": "{broken"},
    {"event_id": "nothing"},
)
CARRIERS = {
    "name": "event name",
    "message": "message",
    "body": "message",
    "statement": "SQL statement",
    "route": "route",
    "user_agent": "user agent",
    "trace_id": "dropped",
    "error_id": "dropped",
    **dict.fromkeys(HEX_IDS, "dropped"),
}


def messages(planter: Planter) -> Iterator[Message]:
    """Of each kind a good record, a refused one, one whose producer or project is a canary, and one that is none."""
    planter.protocol = "kafka"
    for kind in KINDS:
        codec = RowCodec(raw_schema(kind))
        yield Record(kind, key(planter), codec.encode(event(planter, kind)))
        yield Record(kind, key(planter), codec.encode(event(planter, kind) | planter.rng.choice(BROKEN)))
        planter.anyone()
        shaped = planter.rng.choice(({"producer_id": planter.bare("refused")}, {"project": planter.bare("refused")}))
        yield Record(kind, key(planter), codec.encode(event(planter, kind) | shaped))
        yield Record(kind, key(planter), planter.text("refused").encode())


def key(planter: Planter) -> bytes:
    """A record's key, which may be anybody's id."""
    return planter.text("topic key").encode()


def event(planter: Planter, kind: Kind) -> dict[str, Any]:
    """An event with a canary in every field that takes a text of the sender's."""
    at = datetime.now(UTC)
    planter.anyone()
    closed = {rule.field for rule in rules(kind)}
    event: dict[str, Any] = {
        "event_id": new_event_id(),
        "producer_id": "canary",
        "project": "default",
        "occurred_at": at,
    }
    event |= {"received_at": at, "consent": "granted", "user_id": planter.person(), **OWN[kind]}
    if kind == "metric":
        event["started_at"] = at
    for item in raw_schema(kind).fields:
        if item.value_type == "string" and item.name not in closed | event.keys():
            event[item.name] = content(planter, item)
    return event


def content(planter: Planter, item: Field) -> str:
    """What stands in a field."""
    if item.name == "ip":
        return planter.bare("ip", ["ipv4", "ipv6"])
    if item.name in IDS:
        return planter.bare("id")
    if item.name in URLS:
        return f"https://example.org/{planter.bare('URL path')}?a=1&q={planter.bare('URL query')}"
    if item.name == "stack":
        return json.dumps([{"filename": planter.text("stack frame"), "vars": {"x": planter.text("local variable")}}])
    if item.name == "traits":
        return json.dumps({"name": planter.bare("id", ["name"]), "address": {"city": planter.bare("id", ["name"])}})
    if item.name in JSON:
        carrier = "metric label" if item.name == "attributes" else "JSON value"
        said = planter.object("dropped" if item.privacy == "drop" else carrier)
        return json.dumps([said] if JSON[item.name] is list else said)
    return planter.text(CARRIERS.get(item.name, "dropped" if item.privacy == "drop" else "label"))
