"""Strategies for events, for bytes that are nearly events, and for later versions of a schema."""

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tidegate_schemas.bounds import BOUNDS, Between, JsonText, OneOf, Uuid
from tidegate_schemas.canonical import canonical_json
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.subjects import Field, Schema, build_schema

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
DOUBLES = st.floats(allow_nan=False, allow_infinity=False)


def values(item: Field) -> st.SearchStrategy[Any]:
    """Values of a field that keep its bound."""
    value = _bounded(item) if item.name in BOUNDS else _of_type(item.value_type)
    return st.none() | value if item.nullable and item.privacy != "drop" else value


def events(schema: Schema) -> st.SearchStrategy[dict[str, Any]]:
    """Whole records of a raw schema, histograms' buckets included."""
    plain = st.fixed_dictionaries({item.name: values(item) for item in schema.fields})
    return plain.flatmap(_with_buckets) if "bucket_counts" in schema.names else plain


def mangled(data: bytes) -> st.SearchStrategy[bytes]:
    """Bytes a few steps away from a framed record: cut, lengthened, overwritten."""
    position = st.integers(0, len(data) - 1)
    overwritten = st.tuples(position, st.binary(min_size=1, max_size=3)).map(
        lambda pick: data[: pick[0]] + pick[1] + data[pick[0] + len(pick[1]) :]
    )
    inserted = st.tuples(position, st.sampled_from(NASTY)).map(lambda pick: data[: pick[0]] + pick[1] + data[pick[0] :])
    cut = position.map(lambda end: data[:end])
    longer = st.binary(min_size=1, max_size=40).map(lambda more: data + more)
    return overwritten | inserted | cut | longer


NASTY = [
    b"\xff" * 9 + b"\x01",  # the least 64 bit integer
    b"\xfe" * 9 + b"\x01",  # the greatest
    b"\xff" * 12,  # longer than any varint
    b"\x80\x00",  # zero, the long way
    b"\x01",  # minus one
    b"\x04",  # a union index too many
    b"\xc3",  # half a character
]


def with_field(schema: Schema, name: str, avro_type: Any, default: Any) -> Schema:
    """Make the next version of a schema: one more field."""
    definition = copy.deepcopy(schema.definition)
    extra = {"name": name, "type": avro_type, "doc": "Added later.", "privacy": "keep", "default": default}
    definition["fields"].insert(3, extra)
    return build_schema(schema.subject, definition)


def _bounded(item: Field) -> st.SearchStrategy[Any]:
    match BOUNDS[item.name]:
        case Uuid():
            return st.integers(0, 10**9).map(lambda number: derived_event_id(str(number)))
        case OneOf(values=allowed):
            return st.sampled_from(allowed)
        case JsonText(array=array):
            value = st.lists(JSON_VALUES, max_size=2) if array else st.dictionaries(TEXTS, JSON_VALUES, max_size=2)
            return value.map(canonical_json)
        case Between(low=low, high=high):
            if isinstance(item.value_type, dict):
                return TIMES
            whole = item.value_type in {"long", "int"}
            return st.integers(int(low), int(high)) if whole else st.floats(low, high, exclude_min=True)


def _of_type(avro_type: Any) -> st.SearchStrategy[Any]:
    match avro_type:
        case "string":
            return TEXTS
        case "bytes":
            return st.binary(max_size=12)
        case "long":
            return st.integers(-(2**63), 2**63 - 1)
        case "int":
            return st.integers(-(2**31), 2**31 - 1)
        case "double":
            return DOUBLES
        case "boolean":
            return st.booleans()
        case {"type": "array"}:
            return st.just([])
        case _:
            raise AssertionError(avro_type)


def _with_buckets(record: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    def buckets(bounds: list[float]) -> st.SearchStrategy[dict[str, Any]]:
        counts = st.lists(st.integers(0, 2**40), min_size=len(bounds) + 1, max_size=len(bounds) + 1)
        return counts.map(lambda found: {**record, "bucket_bounds": bounds, "bucket_counts": found})

    filled = st.lists(DOUBLES, max_size=4, unique=True).map(sorted).flatmap(buckets)
    return st.just({**record, "bucket_bounds": [], "bucket_counts": []}) | filled


def as_micros(value: object) -> object:
    """Bring values to a form in which any two can be compared: NaN too."""
    if isinstance(value, datetime):
        return (value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return json.dumps(value) if isinstance(value, float | list) else value
