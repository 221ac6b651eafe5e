"""What a field's doc promises beyond its Avro type, as data: checked by row here, by column in columns.py."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from typing import Any

from tidegate_schemas.canonical import is_json_array, is_json_object
from tidegate_schemas.consent import STATES
from tidegate_schemas.reasons import Reason
from tidegate_schemas.subjects import (
    KINDS,
    REQUIRED,
    SOURCE_OFFSET,
    consent_schema,
    dead_letter_schema,
    outcome_schema,
    raw_schema,
)

__all__ = [
    "BOUNDS",
    "UUID_PATTERN",
    "Between",
    "Bound",
    "JsonText",
    "OneOf",
    "Uuid",
    "broken_bound",
    "micros",
    "never_null",
]

UUID_PATTERN = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_UUID = re.compile(UUID_PATTERN.removesuffix("$") + r"\Z", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(value: object) -> object:
    """Turn an aware datetime into µs since epoch, exactly; anything else stays."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        span = value - _EPOCH
        return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds
    return value


@dataclass(frozen=True, slots=True)
class Uuid:
    """A UUID in canonical lower-case text."""

    text: str = "must be a UUID in canonical lower-case text"
    reason: Reason = Reason.INVALID_FIELD

    def holds(self, value: Any) -> bool:
        """Whether a value that isn't null keeps the bound."""
        return _UUID.match(value) is not None


@dataclass(frozen=True, slots=True)
class Between:
    """A number from low (inclusive, unless low_excluded) to high (inclusive); NaN never is."""

    low: float
    high: float
    text: str
    low_excluded: bool = False
    reason: Reason = Reason.INVALID_FIELD

    def holds(self, value: Any) -> bool:
        """Whether a value that isn't null keeps the bound."""
        return bool(self.low <= value <= self.high) and not (self.low_excluded and value == self.low)


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of a closed list of texts."""

    values: tuple[str, ...]
    reason: Reason = Reason.INVALID_FIELD

    @property
    def text(self) -> str:
        """What must be, in words."""
        return f"must be one of {', '.join(value or '(empty)' for value in self.values)}"

    def holds(self, value: Any) -> bool:
        """Whether a value that isn't null keeps the bound."""
        return value in self.values


@dataclass(frozen=True, slots=True)
class JsonText:
    """A text that is one strict JSON value: an object, or an array."""

    array: bool = False
    reason: Reason = Reason.MALFORMED_JSON

    @property
    def text(self) -> str:
        """What must be, in words."""
        return f"must be a JSON {'array' if self.array else 'object'}"

    def holds(self, value: Any) -> bool:
        """Whether a value that isn't null keeps the bound."""
        return is_json_array(value) if self.array else is_json_object(value)


Bound = Uuid | Between | OneOf | JsonText


def _time(first_year: int) -> Between:
    low = micros(datetime(first_year, 1, 1, tzinfo=UTC))
    high = micros(datetime(2200, 1, 1, tzinfo=UTC))
    assert isinstance(low, int) and isinstance(high, int)  # noqa: S101 - narrows the type
    return Between(low, high - 1, f"must be within the years {first_year} to 2199")


_FINITE = Between(-sys.float_info.max, sys.float_info.max, "must be finite")
_NOT_NEGATIVE_FINITE = Between(0.0, sys.float_info.max, "must be finite and not negative")
_NOT_NEGATIVE = Between(0, 2**63 - 1, "must not be negative")

BOUNDS: Mapping[str, Bound] = {
    "event_id": Uuid(),
    "sequence": _NOT_NEGATIVE,
    "occurred_at": _time(2000),
    "received_at": _time(2000),
    "sample_rate": Between(0.0, 1.0, "must be in (0, 1]", low_excluded=True),
    "consent": OneOf(("granted", "anonymous", "denied", "unknown")),
    "properties": JsonText(),
    "type": OneOf(("track", "page", "screen", "identify", "group", "alias")),
    "traits": JsonText(),
    "level": OneOf(("fatal", "error", "warning", "info", "debug")),
    "stack": JsonText(array=True),
    "breadcrumbs": JsonText(array=True),
    "operation": OneOf(("request", "query", "client", "internal")),
    "duration_seconds": _NOT_NEGATIVE_FINITE,
    "status": OneOf(("ok", "error")),
    "instrument": OneOf(("gauge", "counter", "histogram")),
    "temporality": OneOf(("delta", "cumulative", "")),
    "value": _FINITE,
    "started_at": _time(1970),
    "count": _NOT_NEGATIVE,
    "sum": _FINITE,
    "attributes": JsonText(),
    "exemplars": JsonText(array=True),
    "severity_number": Between(0, 24, "must be from 0 to 24"),
    "report": OneOf(("session", "sessions", "check_in", "feedback")),
    "state": OneOf(("", "ok", "exited", "errored", "crashed", "abnormal", "in_progress", "error")),
    "errors": _NOT_NEGATIVE,
    "error_id": Uuid(),
    "minute": _time(2000),
    "decision_id": Uuid(),
    "decision": OneOf(STATES),
    "decided_at": _time(2000),
    "quantity": _NOT_NEGATIVE,
    "size_bytes": _NOT_NEGATIVE,
}
"""Bound of each field that has one, by its name in whatever subject it appears."""


@cache
def never_null() -> frozenset[str]:
    """Fields that no default can stand in for: null, which every field of a clean schema allows, breaks them."""
    schemas = [*(raw_schema(kind) for kind in KINDS), dead_letter_schema(), outcome_schema(), consent_schema()]
    return frozenset(
        {SOURCE_OFFSET, *(item.name for one in schemas for item in one.fields if item.default is REQUIRED)}
    )


def broken_bound(record: Mapping[str, Any]) -> tuple[Reason, str] | None:
    """Find the first field, in the record's order, whose value breaks its bound: reason and detail, never the value.

    A null breaks only what `never_null` names.
    """
    required = never_null()
    for name, value in record.items():
        if value is None and name in required:
            return Reason.MISSING_FIELD, f"field {name}: must not be null"
        bound = BOUNDS.get(name)
        if bound is not None and value is not None and not bound.holds(micros(value)):
            return bound.reason, f"field {name}: {bound.text}"
    return _broken_buckets(record)


def _broken_buckets(record: Mapping[str, Any]) -> tuple[Reason, str] | None:
    counts, bounds = record.get("bucket_counts") or [], record.get("bucket_bounds") or []
    if not counts and not bounds:
        return None
    if len(counts) != len(bounds) + 1:
        return Reason.INVALID_FIELD, "field bucket_counts: must have one more item than bucket_bounds"
    if any(count is None or count < 0 for count in counts):
        return Reason.INVALID_FIELD, "field bucket_counts: must not be negative"
    finite = all(bound is not None and _FINITE.holds(bound) for bound in bounds)
    if not finite or any(left >= right for left, right in pairwise(bounds)):
        return Reason.INVALID_FIELD, "field bucket_bounds: must be finite and ascending"
    return None
