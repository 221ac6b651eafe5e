"""Values of OpenTelemetry's SDK as JSON has them, and its times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

MAX_DEPTH = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def named(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    """Attributes by name, as OTLP would bring them: lists, objects, and bytes in hexadecimal."""
    return {name: _plain(value, 0) for name, value in (attributes or {}).items()}


def moment(nanos: int) -> datetime:
    """Nanoseconds since 1970."""
    return _EPOCH + timedelta(microseconds=nanos // 1000)


def _plain(value: Any, depth: int) -> Any:
    if isinstance(value, str | bool | int | float) or value is None:
        return value
    if depth > MAX_DEPTH:
        return None
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {name: _plain(each, depth + 1) for name, each in value.items()}
    return [_plain(each, depth + 1) for each in value] if isinstance(value, Sequence) else str(value)
