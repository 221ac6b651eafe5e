"""Reading values out of foreign JSON: what has the right type, or a refusal that names the field."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from tidegate.foreign.values import moment_of
from tidegate_gateway.errors import RefusedError
from tidegate_schemas.reasons import Reason

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST_MICROS, _LATEST_MICROS = ((each - _EPOCH) // timedelta(microseconds=1) for each in (_EARLIEST, _LATEST))


def parse_json(body: bytes, what: str = "body") -> Any:
    """Any JSON value. Raises RefusedError (malformed_json)."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RefusedError(Reason.MALFORMED_JSON, what, f"is no JSON: {error.msg} at byte {error.pos}") from None


def parse_object(body: bytes, what: str = "body") -> dict[str, Any]:
    """A JSON object. Raises RefusedError (malformed_json)."""
    value = parse_json(body, what)
    if not isinstance(value, dict):
        raise RefusedError(Reason.MALFORMED_JSON, what, f"must be a JSON object, is {kind_name(value)}")
    return value


def kind_name(value: object) -> str:
    """JSON's name of a value's type."""
    names = {bool: "a boolean", str: "a string", list: "an array", dict: "an object", type(None): "null"}
    return names.get(type(value), "a number")


def instant(value: object, field: str) -> datetime:
    """ISO 8601 text or seconds since the epoch, within 2000 and 2200. Raises RefusedError (invalid_field)."""
    return in_range(moment_of(value), field)


def from_nanos(nanos: int, field: str) -> datetime:
    """Nanoseconds since the epoch. Raises RefusedError (invalid_field)."""
    micros = nanos // 1000
    if not _EARLIEST_MICROS <= micros < _LATEST_MICROS:
        return in_range(None, field)
    return _EPOCH + timedelta(0, 0, micros)


def in_range(moment: datetime | None, field: str) -> datetime:
    """The moment, if it is within 2000 and 2200. Raises RefusedError (invalid_field)."""
    if moment is None or not _EARLIEST <= moment < _LATEST:
        raise RefusedError(Reason.INVALID_FIELD, field, "must be a time between the years 2000 and 2200")
    return moment
