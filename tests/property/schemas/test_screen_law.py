"""Bounds by column are bounds by record, at every edge of every field, alone and together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.property.schemas import records

from tidegate_schemas import screen
from tidegate_schemas.bounds import BOUNDS, Between, Bound, JsonText, OneOf, Uuid, broken_bound, micros
from tidegate_schemas.dtypes import physical_schema
from tidegate_schemas.screen import validate
from tidegate_schemas.subjects import KINDS, Field, Kind, Schema, raw_schema

LONGS = range(-(2**63), 2**63)


def edges(item: Field, bound: Bound) -> Sequence[Any]:
    """Values on both sides of a bound."""
    match bound:
        case Uuid():
            whole = "0198c0de-0000-7000-8000-00000000000a"
            return (
                whole,
                whole.upper(),
                whole[:-1],
                whole + "0",
                whole[:-1] + "g",
                whole.replace("-", "_"),
                whole + "\n",
                "",
            )
        case OneOf(values=allowed):
            return (*allowed, *(text.upper() for text in allowed), "", "other", allowed[0] + "\n")
        case JsonText():
            return ("{}", "[]", "{", "", "1", "null", '{"a":NaN}', '{"a":1e999}', "[1e999]", '{"a":1}', "[1]", "{}x")
        case Between(low=low, high=high):
            if item.value_type == "double":
                near = [math.nextafter(edge, side) for edge in (low, high) for side in (-math.inf, math.inf)]
                return (low, high, *near, 0.0, -0.0, math.nan, math.inf, -math.inf)
            limits = range(-(2**31), 2**31) if item.value_type == "int" else LONGS
            return [edge for edge in (low - 1, low, low + 1, high - 1, high, high + 1, 0) if edge in limits]


def by_record(rows: Sequence[dict[str, Any]]) -> list[tuple[int, Any, str]]:
    """What the record path says of each."""
    verdicts = ((number, broken_bound(row)) for number, row in enumerate(rows))
    return [(number, *verdict) for number, verdict in verdicts if verdict is not None]


def by_column(schema: Schema, rows: Sequence[dict[str, Any]]) -> list[tuple[int, Any, str]]:
    """What `validate` says of them all."""
    found = validate(pl.DataFrame(rows, schema=dict(physical_schema(schema)), orient="row"), schema)
    return [(item.index, item.reason, item.detail) for item in found]


@pytest.mark.parametrize("few", [0, 1000], ids=["by column", "one by one"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_bound_is_kept_at_its_edges(kind: Kind, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "FEW", few)
    schema = raw_schema(kind)
    tried = [
        (item.name, value) for item in schema.fields if item.name in BOUNDS for value in edges(item, BOUNDS[item.name])
    ]

    @settings(max_examples=5, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(records.events(schema), st.lists(st.sampled_from(tried), max_size=3))
    def law(event: dict[str, Any], together: list[tuple[str, Any]]) -> None:
        good = {name: micros(event[name]) for name in schema.names}
        rows = [good, *({**good, name: value} for name, value in tried), {**good, **dict(together)}]
        expected = by_record(rows)
        assert by_column(schema, rows) == expected
        assert len(expected) > len({name for name, _ in tried})

    law()
