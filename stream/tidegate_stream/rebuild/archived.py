"""Archived rows as the clean events that they were.

An archive has no nulls: an absent text is empty there, an absent number 0. No fold tells the two apart but for what
is mended here. Text of JSON columns is lost in part: ClickHouse keeps paths, so that `{"a.b": 1}` and
`{"a": {"b": 1}}` are one, and an integral float is an integer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from tidegate_schemas.canonical import canonical_json

ATTRIBUTES = "attributes"


def clean_events(rows: pl.DataFrame, known_attributes: Mapping[str, str]) -> pl.DataFrame:
    """Clean events and `_offset`, in offset order, from rows of `events_<kind>`, each at least once.

    `known_attributes` says, by the text that ClickHouse gives, which text it was given. Columns that no fold reads may
    be left out of `rows`: a fold that did read one would fail.
    """
    texts = [name for name, kind in rows.schema.items() if kind == pl.String and name != ATTRIBUTES]
    events = rows.unique("clean_offset").sort("clean_offset").rename({"clean_offset": "_offset"})
    events = events.with_columns(
        *(pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in texts),
        pl.when(pl.col("sample_rate") > 0).then(pl.col("sample_rate")).alias("sample_rate"),
    )
    if ATTRIBUTES not in events.columns:
        return events
    stored = events[ATTRIBUTES].unique().to_list()
    texts_by_stored = {text: known_attributes.get(text) or flat_text(text) for text in stored}
    return events.with_columns(pl.col(ATTRIBUTES).replace_strict(texts_by_stored, return_dtype=pl.String))


def flat_text(stored: str) -> str:
    """The canonical text of an object without objects in it (OpenTelemetry's attributes), by ClickHouse's text."""
    flat: dict[str, Any] = {}
    _flatten(json.loads(stored or "{}"), "", flat)
    return canonical_json(flat)


def _flatten(node: Mapping[str, Any], prefix: str, flat: dict[str, Any]) -> None:
    for name, value in node.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict):
            _flatten(value, f"{path}.", flat)
        else:
            flat[path] = value
