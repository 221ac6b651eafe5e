"""What the gate did to each field of an event, and why. Raw values are compared, never shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate_schemas.subjects import Field, Kind, Privacy, clean_schema, raw_schema

__all__ = ["Change", "changes"]

_SHOWN_LETTERS = 80
_EMPTY = (None, "", "{}", "[]")


@dataclass(frozen=True)
class Change:
    """A field that left the gate otherwise than it came, or not at all."""

    field: str
    privacy: Privacy
    became: str
    """Clean name and value; they are free of personal data, as everything past the gate."""


def changes(kind: Kind, raw: Mapping[str, Any], clean: Mapping[str, Any]) -> tuple[list[Change], list[str]]:
    """Compare a raw record with its clean one: the changes, and the names of the fields that stayed as they were.

    Fields that were empty and still are count as neither.
    """
    names = {field.raw_name: field.name for field in clean_schema(kind).fields if field.raw_name}
    changed: list[Change] = []
    same: list[str] = []
    for field in raw_schema(kind).fields:
        before, name = raw.get(field.name), names.get(field.name)
        after = clean.get(name) if name else None
        if before in _EMPTY and after in _EMPTY:
            continue
        if name == field.name and before == after:
            same.append(field.name)
        else:
            changed.append(Change(field.name, field.privacy, _became(field, name, after)))
    return changed, same


def _became(field: Field, name: str | None, after: Any) -> str:
    if name is None:
        return "left out"
    if after in _EMPTY:
        return f"{name} is empty"
    text = str(after)
    shown = text if len(text) <= _SHOWN_LETTERS else text[:_SHOWN_LETTERS] + "…"
    return f"{name} = {shown}" if name != field.name else f"now {shown}"
