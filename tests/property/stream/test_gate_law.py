"""The columnar gate is the reference gate, record by record."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.property.stream.near_records import near_records
from tests.property.stream.raw_records import records

from tidegate_schemas.columns import ColumnCodec, polars_schema
from tidegate_schemas.history import known_versions
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import clean_schema, raw_schema
from tidegate_schemas.topics import KINDS, Kind
from tidegate_stream.gate import Gate, MemoryKeys, Records, Seen
from tidegate_stream.gate.plan import compile_plan
from tidegate_stream.gate.pseudonyms import Pseudonymiser
from tidegate_stream.gate.reference import clean_record, refusal_of

KEYS = MemoryKeys({"default": b"k" * 32}, bytes(range(32)))
laws = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def raw_frame(kind: Kind, rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Decoded records as the codec gives them."""
    frame = pl.DataFrame(list(rows), schema=dict(polars_schema(raw_schema(kind))), strict=False)
    return frame.with_row_index("_index")


@pytest.mark.parametrize("kind", KINDS)
def test_columns_do_what_the_reference_does(kind: Kind) -> None:
    plan, names = compile_plan(kind), Pseudonymiser(KEYS)
    gate = Gate(kind, KEYS)

    @laws
    @given(st.lists(records(kind), max_size=8, unique_by=lambda row: row["event_id"].lower()))
    def law(rows: list[dict[str, Any]]) -> None:
        chunk = Records(
            f"raw.{kind}", 1, [3 * n for n in range(len(rows))] or [0], [b"x"] * len(rows), [0] * (len(rows) or 1)
        )
        result = gate.process(raw_frame(kind, rows), [], chunk, Seen())
        verdicts = [refusal_of(plan, KEYS, row) for row in rows]
        expected = [
            {**clean_record(plan, names, row), "source_offset": 3 * n}
            for n, (row, verdict) in enumerate(zip(rows, verdicts, strict=True))
            if verdict is None
        ]
        got = result.clean.rows(named=True)
        assert got == [{name: row[name] for name in clean_schema(kind).names} for row in expected]
        told = {row["_index"]: (row["reason"], row["detail"]) for row in result.refused.iter_rows(named=True)}
        assert told == {n: (v.reason.value, v.detail) for n, v in enumerate(verdicts) if v is not None}
        assert result.outcomes["quantity"].sum() == len(told)

    law()


@pytest.mark.parametrize("kind", KINDS)
def test_whole_chunks_of_mixed_versions_come_out_as_records_do(kind: Kind) -> None:
    """From bytes: large chunks go other ways through the codec than small ones."""
    plan, names, reader = compile_plan(kind), Pseudonymiser(KEYS), raw_schema(kind)
    writers = [RowCodec(version) for version in known_versions(reader)]
    columns, gate = ColumnCodec(reader), Gate(kind, KEYS)

    @settings(laws, max_examples=12)
    @given(st.integers(0, 2**32))
    def law(seed: int) -> None:
        rng = Random(seed)
        drawn = [(rng.choice(writers), row) for row in near_records(rng, kind, rng.choice((1, 20, 150, 300)))]
        values = [writer.encode({name: row[name] for name in writer.schema.names}) for writer, row in drawn]
        rows = [
            {item.name: row[item.name] if item.name in writer.schema.names else item.default for item in reader.fields}
            for writer, row in drawn
        ]
        decoded = columns.decode(values)
        chunk = Records(f"raw.{kind}", 1, range(len(values)), values, [0] * len(values))
        result = gate.process(decoded.frame, decoded.bad, chunk, Seen())
        undecoded = {item.index for item in decoded.bad}
        passing = [n for n, row in enumerate(rows) if n not in undecoded and refusal_of(plan, KEYS, row) is None]
        assert result.clean["source_offset"].to_list() == passing
        assert len(passing) + result.refused.height == len(rows)
        for n, got in zip(passing, result.clean.iter_rows(named=True), strict=True):
            expected = {**clean_record(plan, names, rows[n]), "source_offset": n}
            assert (rows[n], got) == (rows[n], {name: expected[name] for name in got})

    law()
