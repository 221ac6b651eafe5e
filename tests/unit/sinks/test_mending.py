"""JSON with two values for one path is mended: one stays, and everything else is as it was."""

import json

import polars as pl
import pytest

from tidegate_sinks.mending import mend, mend_clashes


def test_a_path_named_twice_keeps_one_value() -> None:
    assert json.loads(mend('{"a.b":1,"a":{"b":2,"c":3}}')) == {"a": {"b": 2, "c": 3}}


def test_a_dotted_key_is_the_path_that_it_names() -> None:
    assert json.loads(mend('{"db.system":"sqlite","db":{"name":"x"}}')) == {"db": {"system": "sqlite", "name": "x"}}


def test_a_value_on_the_way_to_others_goes_below_them() -> None:
    assert json.loads(mend('{"a":1,"a.b":2,"a.b.c":3}')) == {"a": {"": 1, "b": {"": 2, "c": 3}}}
    assert json.loads(mend('{"a.b":2,"a":{}}')) == {"a": {"b": 2}}


CLASHING = ['{"a":1,"a.b":2}', '{"a.b":1,"a":{"b":2}}', '{"l":[{"x":1,"x.y":2}]}', '{"":1,".":2}']
HARMLESS: list[str | None] = ['{"http.route":"/x","http.method":"GET"}', '{"a.b":1,"b":2}', "{}", '{"a":"b.c"}', None]


def test_only_rows_whose_paths_clash_are_touched() -> None:
    rows = pl.DataFrame({"properties": [*HARMLESS, *CLASHING]})
    mended = mend_clashes(rows, ["properties"])["properties"].to_list()
    assert mended == [*HARMLESS, *map(mend, CLASHING)]
    assert not set(mended) & set(CLASHING)


def test_rows_without_dots_are_the_same_frame() -> None:
    rows = pl.DataFrame({"properties": ['{"a":1}', None]})
    assert mend_clashes(rows, ["properties"]) is rows


def test_paths_collide_at_any_depth_and_in_arrays() -> None:
    assert json.loads(mend('{"l":[{"x.y":1,"x":{"y":2}}],"m":{"x.y":1,"x":{"y":2}}}')) == {
        "l": [{"x": {"y": 2}}],
        "m": {"x": {"y": 2}},
    }


@pytest.mark.parametrize("text", ["{}", '{"a":[1,"x",null,{"b":1.5}],"c":true}', '{"ä":"ö"}'])
def test_what_needs_no_mending_says_the_same_afterwards(text: str) -> None:
    assert json.loads(mend(text)) == json.loads(text)


@pytest.mark.parametrize("text", ["no json", "[1]", '"text"', "3", '{"a":NaN}'])
def test_what_is_no_object_is_kept_as_a_text(text: str) -> None:
    assert json.loads(mend(text)) == {"_unreadable": text}


def test_a_number_past_all_bounds_is_null_and_nothing_is_an_empty_object() -> None:
    assert mend('{"a":1e999}') == '{"a":null}'
    assert mend("") == "{}"


def test_mending_twice_changes_nothing() -> None:
    once = mend('{"a.b":1,"a":{"b":2},"c":"\\ud800"}')
    assert mend(once) == once
