"""Reading values out of what others made: what has the right type, or nothing. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tidegate.foreign.errors import UnfitError
from tidegate_schemas.reasons import Reason

MAX_METHOD = 16
MAX_TEXT = 8_192
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def text(source: Mapping[str, Any], *names: str, default: str = "") -> str:
    """The first of these members that is a text that isn't empty; numbers count as their digits."""
    for name in names:
        value = source.get(name)
        if value is None or value == "":
            continue
        if isinstance(value, str):
            return value[:MAX_TEXT]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
    return default


def optional(source: Mapping[str, Any], *names: str) -> str | None:
    """As `text`; None for none."""
    return text(source, *names) or None


def mapping(value: object) -> Mapping[str, Any]:
    """A JSON object, or an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def moment_of(value: object) -> datetime | None:
    """ISO 8601 text, UTC where it names no zone, or seconds since the epoch; None for anything else."""
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _EPOCH + timedelta(seconds=value)
    except (ValueError, OverflowError):
        pass
    return None


def finite(value: float, field: str) -> float:
    """A number that is neither NaN nor infinite. Raises UnfitError (invalid_field)."""
    if not math.isfinite(value):
        raise UnfitError(Reason.INVALID_FIELD, field, "must be a finite number")
    return value


def http_method(source: Mapping[str, Any], *names: str) -> str:
    """A request's method in capitals; empty for what is none: of any other text a part would be kept, cut anywhere."""
    method = text(source, *names).upper()
    return method if len(method) <= MAX_METHOD and method.isascii() and method.isalpha() else ""
