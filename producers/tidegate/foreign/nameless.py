"""Texts of an event that is to name nobody, without its own ids. Pure.

The gate takes an event's ids out of its texts; where it is told none, whoever leaves them out has to do so before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from pydantic_core import from_json

from tidegate_schemas.canonical import canonical_json, canonical_object
from tidegate_schemas.subjects import raw_schema
from tidegate_schemas.topics import KINDS, Kind

__all__ = ["OWN_ID", "without_ids"]

_IDS: Final = ("user_id", "anonymous_id", "session_id", "previous_id")
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
    kind: [field.name for field in raw_schema(kind).fields if field.privacy in {"scrub", "drop"}] for kind in KINDS
}
_DEPTH = 64


def without_ids(kind: Kind, event: Mapping[str, Any]) -> dict[str, Any]:
    """An event without ids, in fields, in texts and in the members of JSON and their names.

    Its address is looked for in texts, too, and left for the caller.
    """
    own = _own_ids(event.get(name) for name in (*_IDS, "ip"))
    texts = {name: _without(text, own) for name in _TEXTS[kind] if (text := event.get(name))}
    return {**event, **texts, **{name: None for name in _IDS if name in event}}


def _own_ids(values: Iterable[object]) -> re.Pattern[str] | None:
    known = {text for value in values if value is not None and len(text := str(value)) >= SHORTEST_ID}
    written = sorted({text for value in known for text in (value, quote(value, safe=""))}, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, written))})(?!\w)", re.IGNORECASE) if written else None


def _without(text: str, own: re.Pattern[str] | None) -> str:
    """A text, or JSON as text, without ids. What isn't JSON after all is for the gate to refuse."""
    if text[0] in "{[":
        try:
            value = from_json(text, allow_inf_nan=False)
        except ValueError:
            value = None
        if isinstance(value, dict):
            return canonical_object(_cleaned(value, own, _DEPTH))
        if isinstance(value, list):
            return canonical_json(_cleaned(value, own, _DEPTH))
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
