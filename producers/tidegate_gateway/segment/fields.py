"""Members of a call, read strictly: what is there has the right type, or is refused by name. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tidegate.foreign.values import MAX_TEXT, text
from tidegate_gateway.errors import RefusedError
from tidegate_gateway.values import instant, kind_name
from tidegate_schemas.reasons import Reason


def identifier(item: Mapping[str, Any], name: str) -> str | None:
    """A text, or a whole number as its digits; None for null, an empty text or none. Raises RefusedError."""
    value = item.get(name)
    if value is None or value == "":
        return None
    if type(value) is str and len(value) <= MAX_TEXT:  # nearly all
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise RefusedError(Reason.INVALID_FIELD, name, f"must be a text or a whole number, is {kind_name(value)}")
    found = str(value)
    if len(found) > MAX_TEXT:
        raise RefusedError(Reason.INVALID_FIELD, name, f"must have {MAX_TEXT} characters at most, has {len(found)}")
    return found


def said(source: Mapping[str, Any], name: str) -> str:
    """What a member says that only informs: as `values.text`, empty for what has another type."""
    value = source.get(name)
    if value is None:  # nearly all
        return ""
    return text(source, name)


def members(item: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object; an empty one for null, for none, and for the `[]` that PHP writes. Raises RefusedError."""
    value = item.get(name)
    if value is None or value == []:
        return {}
    if not isinstance(value, dict):
        raise RefusedError(Reason.INVALID_FIELD, name, f"must be an object, is {kind_name(value)}")
    return value


def moment(item: Mapping[str, Any], name: str) -> datetime | None:
    """A time; None for null, an empty text or none. Raises RefusedError."""
    value = item.get(name)
    return None if value is None or value == "" else instant(value, name)
