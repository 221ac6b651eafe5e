"""What GPC or DNT leaves of events of Segment's, Sentry's and OpenTelemetry's clients. Pure.

They name whoever the application told them, in fields, and in texts about these. Both end here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import orjson

from tidegate_gateway.consent import consent_of
from tidegate_gateway.intake import Batch, Event
from tidegate_gateway.object_text import array_text, object_text
from tidegate_gateway.turns import Slices
from tidegate_schemas.networks import truncated_ip
from tidegate_schemas.subjects import raw_schema
from tidegate_schemas.topics import KINDS, Kind

IDS: Final = ("user_id", "anonymous_id", "session_id", "previous_id")
OWN_ID: Final = "[id]"
SHORTEST_ID: Final = 4
"""A shorter id would take harmless words and numbers with it, as at the gate."""
#: Members of properties, attributes and tags that tell a person, a device or a visit, and what begins with them.
_PERSONAL = re.compile(
    r"(?:(?:user|enduser|session)(?:\.(?!agent).*|[._-]?id)?|client\.address|device\.id|app\.installation\.id"
    r"|http\.client_ip|(?:network|net|net\.sock)\.peer\..*)\Z",
    re.IGNORECASE,
)
_TEXTS: Mapping[Kind, Sequence[str]] = {
    kind: [field.name for field in raw_schema(kind).fields if field.privacy == "scrub"] for kind in KINDS
}
_DEPTH = 64


def without_consent(batch: Batch) -> Slices[Batch]:
    """Make all events of a request whose browser sends a signal anonymous: as the other protocols' are."""
    for place, (kind, event) in enumerate(batch.events):
        yield
        batch.events[place] = kind, nameless(kind, event)
    return batch


def nameless(kind: Kind, event: Event) -> Event:
    """An event without ids, in fields and texts, and without traits; of the address its network is left."""
    own = _own_ids(event.get(name) for name in (*IDS, "ip"))
    texts = {name: _without(text, own) for name in _TEXTS[kind] if (text := event.get(name))}
    ids: Event = {name: None for name in IDS if name in event}
    network = {} if kind == "metric" else {"ip": truncated_ip(event.get("ip") or "")}
    traits = {"traits": "{}"} if "traits" in event else {}
    consent = consent_of(event.get("consent"), signal=True)
    return {**event, **texts, **ids, **traits, **network, "consent": consent}


def _own_ids(values: Iterable[str | None]) -> re.Pattern[str] | None:
    known = {value for value in values if value and len(value) >= SHORTEST_ID}
    written = sorted({text for value in known for text in (value, quote(value, safe=""))}, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, written))})(?!\w)", re.IGNORECASE) if written else None


def _without(text: str, own: re.Pattern[str] | None) -> str:
    """A text, or JSON as text, without ids. What isn't JSON after all is for the gate to refuse."""
    if text[0] in "{[":
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            value = None
        if isinstance(value, dict):
            return object_text(_cleaned(value, own, _DEPTH))
        if isinstance(value, list):
            return array_text(_cleaned(value, own, _DEPTH))
    return own.sub(OWN_ID, text) if own else text


def _named(name: str, own: re.Pattern[str] | None) -> str:
    """A member's name, which may be an id: of those that become alike the last stays."""
    return own.sub(OWN_ID, name) if own else name


def _cleaned(value: Any, own: re.Pattern[str] | None, depth: int) -> Any:
    match value:
        case dict() | list() if not depth:
            return None
        case dict():
            kept = {name: each for name, each in value.items() if not _PERSONAL.match(name)}
            return {_named(name, own): _cleaned(each, own, depth - 1) for name, each in kept.items()}
        case list():
            return [_cleaned(each, own, depth - 1) for each in value]
        case str() if own:
            return own.sub(OWN_ID, value)
        case int() if own and not isinstance(value, bool) and own.fullmatch(str(value)):
            return OWN_ID
    return value
