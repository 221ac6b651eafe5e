"""The gateway's quick way to write an object is the canonical one."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate_gateway.object_text import array_text, object_text
from tidegate_schemas.canonical import canonical_json, canonical_object

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=20,
)


@settings(max_examples=500, deadline=None)
@given(members=st.dictionaries(TEXTS, JSON, max_size=6))
def test_both_ways_write_the_same(members: dict[str, object]) -> None:
    assert object_text(members) == canonical_object(members)


@settings(max_examples=200, deadline=None)
@given(items=st.lists(JSON, max_size=6))
def test_both_ways_write_the_same_array(items: list[object]) -> None:
    assert array_text(items) == canonical_json(items)


@pytest.mark.parametrize("depth", [30, 31, 32, 33, 34])
def test_both_ways_cut_arrays_at_the_same_depth(depth: int) -> None:
    items = orjson.loads(b"[" * depth + b"]" * depth)
    assert array_text(items) == canonical_json(items)


@settings(max_examples=300, deadline=None)
@given(number=NUMBERS)
def test_both_ways_write_every_number_alike(number: float) -> None:
    assert object_text({"n": number}) == canonical_object({"n": number})


@pytest.mark.parametrize(
    "text",
    [
        b"{}",
        b'{"a":1e400}',
        b'{"a":-0.0,"b":1e16,"c":1e-5,"d":1E5,"e":0.1}',
        b'{"a":9223372036854775807,"b":9223372036854775808,"c":123456789012345678901234567890}',
        b'{"a":"\\u0000\\u001f\\u007f\\u2028\\"\\\\/\\b\\f\\n\\r\\t","\\u00e9":1,"z":2,"\\ud83d\\ude00":3,"\\uffff":4}',
        b'{"a":' * 31 + b"1" + b"}" * 31,
        b'{"a":' * 32 + b"1" + b"}" * 32,
        b'{"a":' * 33 + b"1" + b"}" * 33,
        b'{"a":' * 600 + b"1" + b"}" * 600,
        b'{"a":"' + b"x" * 65_528 + b'"}',
        b'{"a":"' + b"x" * 65_529 + b'"}',
        b'{"a":"' + b"x" * 70_000 + b'","b":1}',
    ],
)
def test_both_ways_agree_at_the_edges(text: bytes) -> None:
    try:
        members = orjson.loads(text)
    except orjson.JSONDecodeError:
        return
    assert object_text(members) == canonical_object(members)
