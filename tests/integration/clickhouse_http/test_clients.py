"""clickhouse-connect, unmodified, against the embedded engine."""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from tidegate_infra.addresses import ClickHouseAddress
from tidegate_sinks.clickhouse import Address, connect
from tidegate_sinks.writer import code_of

pytestmark = pytest.mark.clickhouse


@pytest.fixture(scope="module")
def client(clickhouse: ClickHouseAddress) -> Client:
    return connect(Address(clickhouse.url, "writer", clickhouse.writer_password))


@pytest.fixture(scope="module")
def reading(clickhouse: ClickHouseAddress) -> Client:
    return connect(Address(clickhouse.url))


AT = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
TYPES: Sequence[tuple[str, Sequence[Any]]] = [
    ("String", ["", "plain", "tab\tline\nquote'back\\slash", "☃ 𝄞", "\0"]),
    ("LowCardinality(String)", ["a", "b", "a"]),
    ("Nullable(String)", [None, "", "x"]),
    ("FixedString(4)", [b"abcd"]),
    ("UInt64", [0, 2**64 - 1]),
    ("Int64", [-(2**63), 2**63 - 1]),
    ("UInt8", [0, 255]),
    ("Float64", [0.1, -1e308, math.inf, -math.inf]),
    ("Bool", [True, False]),
    ("DateTime64(6, 'UTC')", [AT]),
    ("DateTime64(3, 'UTC')", [AT.replace(microsecond=123000)]),
    ("DateTime('UTC')", [AT.replace(microsecond=0)]),
    ("Date", [date(1970, 1, 1), date(2149, 6, 6)]),
    ("UUID", [uuid.UUID(int=0), uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8057")]),
    ("Array(String)", [[], ["a", "b'c"]]),
    ("Array(Array(Int32))", [[[1, -1], []]]),
    ("Map(String, Float64)", [{}, {"a": 1.5, "b": -2.0}]),
    ("Tuple(String, UInt8)", [("a", 1)]),
    ("IPv4", [IPv4Address("203.0.113.7")]),
    ("IPv6", [IPv6Address("2001:db8::1")]),
    ("Decimal(18, 4)", [Decimal("12.5000"), Decimal("-0.0001")]),
    ("JSON", [{"a": 1, "b": {"c": "x"}}, {}]),
    ("Enum8('a' = 1, 'b' = 2)", ["a", "b"]),
]


@pytest.mark.parametrize(("kind", "values"), TYPES, ids=[kind for kind, _ in TYPES])
def test_values_come_back_as_they_went(client: Client, database: str, kind: str, values: Sequence[Any]) -> None:
    client.command(f"CREATE TABLE {database}.t (n UInt32, v {kind}) ENGINE = MergeTree ORDER BY n")
    client.insert(f"{database}.t", list(enumerate(values)), column_names=["n", "v"])
    found = [row[0] for row in client.query(f"SELECT v FROM {database}.t ORDER BY n").result_rows]
    assert [_in_utc(value) for value in found] == [_in_utc(value) for value in values]


def _in_utc(value: Any) -> Any:
    """The client leaves the zone out of times in UTC."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


def test_not_a_number_stays_one(client: Client) -> None:
    ((found,),) = client.query("SELECT nan").result_rows
    assert math.isnan(found)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("String", "it's a \\ \"quoted\"\ttext\nwith 'all' ☃"),
        ("String", "'; DROP TABLE system.numbers; --"),
        ("UInt64", 2**64 - 1),
        ("Array(String)", ["a", "b'c"]),
        ("DateTime64(6, 'UTC')", AT.replace(tzinfo=None)),
        ("Nullable(String)", None),
        ("Float64", 0.1),
    ],
)
def test_parameters_travel_apart_from_the_statement(reading: Client, kind: str, value: object) -> None:
    ((found,),) = reading.query(f"SELECT {{x:{kind}}}", parameters={"x": value}).result_rows
    assert (found.replace(tzinfo=None) if isinstance(found, datetime) else found) == value


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("SELECT * FROM no_such_table", 60),
        ("SELECT FROM WHERE", 62),
        ("SELECT no_such_column FROM system.one", 47),
        ("SELECT no_such_function(1)", 46),
        ("SELECT * FROM no_such_database.t", 81),
        ("SELECT toUInt8('x')", 6),
        ("SELECT throwIf(1, 'as asked')", 395),
        ("INSERT INTO system.one VALUES (1)", 497),
    ],
)
def test_errors_carry_the_engines_code(reading: Client, statement: str, code: int) -> None:
    with pytest.raises(DatabaseError) as caught:
        reading.query(statement)
    assert code_of(caught.value) == code


def test_an_error_half_way_through_an_answer_is_an_error(reading: Client) -> None:
    with pytest.raises(DatabaseError, match="395"):
        reading.query("SELECT throwIf(number = 5000000) FROM numbers(6000000)")


def test_a_million_rows_stream(reading: Client) -> None:
    total = 0
    with reading.query_row_block_stream("SELECT number FROM numbers(1000000)") as stream:
        for block in stream:
            total += sum(row[0] for row in block)
    assert total == 999_999 * 1_000_000 // 2


def test_arrow_goes_in_and_out(client: Client, database: str) -> None:
    table = pa.table({"a": pa.array([1, 2], pa.int64()), "b": pa.array(["x", None], pa.string())})
    client.command(f"CREATE TABLE {database}.t (a Int64, b Nullable(String)) ENGINE = MergeTree ORDER BY a")
    client.insert_arrow(f"{database}.t", table)
    found = client.query_arrow(f"SELECT * FROM {database}.t ORDER BY a", use_strings=True)
    assert found.to_pydict() == table.to_pydict()


def test_an_insert_into_a_column_that_is_not_there_says_so(client: Client, database: str) -> None:
    client.command(f"CREATE TABLE {database}.t (a Int64) ENGINE = MergeTree ORDER BY a")
    with pytest.raises(Exception, match="surprise"):
        client.insert(f"{database}.t", [[1]], column_names=["surprise"])


def test_settings_of_one_query_do_not_stay(reading: Client) -> None:
    sql = "SELECT count() FROM numbers(10) SETTINGS extremes = 0"
    assert reading.query(sql, settings={"limit": 1}).result_rows == [(10,)]
    assert len(reading.query("SELECT number FROM numbers(10)", settings={"limit": 3}).result_rows) == 3
    assert len(reading.query("SELECT number FROM numbers(10)").result_rows) == 10
