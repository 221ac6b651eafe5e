"""Archived rows as the events that they were: what was absent is absent again, and attributes have their text."""

from __future__ import annotations

import polars as pl

from tidegate_stream.rebuild import clean_events, flat_text


def rows(**columns: list[object]) -> pl.DataFrame:
    return pl.DataFrame({"clean_offset": [1], "sample_rate": [1.0]} | columns)


def test_empty_texts_and_a_rate_of_nothing_are_absent() -> None:
    events = clean_events(rows(visitor=["", "v"], sample_rate=[0.0, 0.3], clean_offset=[4, 3]), {})
    assert events.to_dicts() == [
        {"_offset": 3, "sample_rate": 0.3, "visitor": "v"},
        {"_offset": 4, "sample_rate": None, "visitor": None},
    ]


def test_a_row_that_was_inserted_twice_is_one_record() -> None:
    events = clean_events(rows(clean_offset=[7, 7, 2], sample_rate=[1.0, 1.0, 1.0]), {})
    assert events["_offset"].to_list() == [2, 7]


def test_attributes_have_the_text_that_series_are_known_by() -> None:
    stored = '{"http":{"route":"/a"},"weight":1}'
    given = '{"http":{"route":"/a"},"weight":1.0}'
    assert clean_events(rows(attributes=[stored]), {stored: given})["attributes"].to_list() == [given]


def test_attributes_of_no_known_series_are_taken_for_flat_ones_as_opentelemetry_sends_them() -> None:
    stored = '{"b":[1,{"c":2}],"http":{"request":{"method":"GET"}}}'
    assert flat_text(stored) == '{"b":[1,{"c":2}],"http.request.method":"GET"}'
    assert flat_text("") == "{}"
