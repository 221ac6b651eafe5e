"""The quick ways of writing are held to the slow ones: Avro's bytes to fastavro's, JSON text to the general rule."""

from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.schemas import records

from tidegate_schemas.canonical import canonical_json
from tidegate_schemas.errors import EncodeError
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import KINDS, Kind, raw_schema
from tidegate_schemas.writing import RecordWriter

LIMITS = settings(max_examples=60, deadline=None)
ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(), st.binary(), st.floats(), st.just("\ud800"), st.lists(st.none())
)
NESTED: st.SearchStrategy[Any] = st.recursive(
    ODD | st.dates() | st.integers(-(2**70), 2**70),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(st.text(max_size=3) | st.integers() | st.none(), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@LIMITS
def test_whole_records_are_written_quickly_and_as_fastavro_writes_them(kind: Kind, data: st.DataObject) -> None:
    schema = raw_schema(kind)
    record = data.draw(records.events(schema))
    optional = [item.name for item in schema.fields if isinstance(item.default, str | float | bool | type(None))]
    left_out = data.draw(st.sets(st.sampled_from(optional)))
    partial = {name: value for name, value in record.items() if name not in left_out}
    codec = RowCodec(schema)
    quick = RecordWriter(schema).write(b"", partial)
    assert quick is not None
    assert codec.encode(partial) == codec.encode_by_reference(partial)
    assert codec.encode(partial).endswith(quick)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@LIMITS
def test_what_does_not_fit_is_judged_as_fastavro_judges_it(kind: Kind, data: st.DataObject) -> None:
    schema = raw_schema(kind)
    record = data.draw(records.events(schema))
    record[data.draw(st.sampled_from([*schema.names, "surprise"]))] = data.draw(ODD)
    codec = RowCodec(schema)
    assert _outcome(codec.encode, record) == _outcome(codec.encode_by_reference, record)


def _outcome(encode: Any, record: dict[str, Any]) -> bytes | str:
    try:
        result: bytes = encode(record)
    except EncodeError as error:
        return str(error)
    return result


@given(st.dictionaries(st.text(max_size=3), NESTED, max_size=4))
@settings(max_examples=300, deadline=None)
def test_plain_objects_have_the_same_text_as_any_mapping(value: dict[str, Any]) -> None:
    assert canonical_json(value) == canonical_json(MappingProxyType(value))


def test_depth_is_cut_in_both_ways() -> None:
    value: Any = 1
    for _ in range(40):
        value = {"a": [value]}
    assert canonical_json(value) == canonical_json(MappingProxyType(value))
