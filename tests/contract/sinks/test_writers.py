"""What every writer promises, on the double and on the real engine alike."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import polars as pl
import pytest

from tidegate_infra.addresses import ClickHouseAddress
from tidegate_sinks import migrate
from tidegate_sinks.clickhouse import Address, connect
from tidegate_sinks.errors import UnknownColumnError, UnknownTableError
from tidegate_sinks.writer import ClickHouseWriter, MemoryWriter, Writer

Rows = Callable[[str], list[dict[str, Any]]]
WINDOW = 1_772_366_400_000_000


@pytest.fixture(params=["memory", pytest.param("clickhouse", marks=pytest.mark.clickhouse)])
def writer(request: pytest.FixtureRequest) -> Iterator[tuple[Writer, Rows]]:
    if request.param == "memory":
        memory = MemoryWriter()
        yield memory, memory.rows
        return
    address: ClickHouseAddress = request.getfixturevalue("clickhouse")
    client = connect(Address(address.url, "writer", address.writer_password))
    migrate.apply(client)
    client.command("TRUNCATE TABLE tidegate.usage")
    client.command("TRUNCATE TABLE tidegate.sessions")
    answers = {
        "usage": "SELECT * FROM tidegate.usage FINAL",
        "sessions": "SELECT * FROM tidegate.sessions FINAL",
    }
    yield ClickHouseWriter(client), lambda table: list(client.query(answers[table]).named_results())


def usage(count: float, version: int, first_offset: int = 1, event: str = "bought") -> pl.DataFrame:
    row = {
        "window_start": WINDOW,
        "project": "default",
        "event": event,
        "feature": "",
        "agent": "",
        "count": count,
        "failures": 0.0,
        "source_topic": "clean.track",
        "source_partition": 0,
        "first_offset": first_offset,
        "revision": 0,
        "final": 0,
        "version": version,
    }
    return pl.DataFrame([row]).with_columns(pl.col("window_start").cast(pl.Datetime("us", "UTC")))


def session(version: int, *, is_deleted: int) -> pl.DataFrame:
    row = {
        "project": "default",
        "visitor": "v",
        "started_at": WINDOW,
        "ended_at": WINDOW,
        "source_topic": "clean.track",
        "source_partition": 0,
        "first_offset": 7,
        "is_deleted": is_deleted,
        "version": version,
    }
    return pl.DataFrame([row]).with_columns(pl.col("started_at", "ended_at").cast(pl.Datetime("us", "UTC")))


def write(writer: Writer, table: str, *frames: pl.DataFrame) -> None:
    for frame in frames:
        asyncio.run(writer.upsert(table, frame))


def counts(rows: list[dict[str, Any]]) -> list[float]:
    return sorted(float(row["count"]) for row in rows)


def test_the_same_rows_again_change_nothing(writer: tuple[Writer, Rows]) -> None:
    write(writer[0], "usage", usage(3, 10), usage(3, 10), usage(3, 10))
    assert counts(writer[1]("usage")) == [3.0]


def test_a_higher_version_replaces_whatever_the_order(writer: tuple[Writer, Rows]) -> None:
    write(writer[0], "usage", usage(5, 20), usage(3, 10))
    assert counts(writer[1]("usage")) == [5.0]


def test_of_equal_versions_the_later_write_stays(writer: tuple[Writer, Rows]) -> None:
    write(writer[0], "usage", usage(3, 10), usage(4, 10))
    assert counts(writer[1]("usage")) == [4.0]


def test_incarnations_stand_side_by_side(writer: tuple[Writer, Rows]) -> None:
    write(writer[0], "usage", usage(10_000, 10), usage(1, 99, first_offset=99))
    assert counts(writer[1]("usage")) == [1.0, 10_000.0]


def test_a_new_generations_small_offsets_win_over_old_large_ones(writer: tuple[Writer, Rows]) -> None:
    write(writer[0], "usage", usage(1, 1 << 48 | 900_000), usage(2, 2 << 48 | 3))
    assert counts(writer[1]("usage")) == [2.0]


def test_a_deleted_row_is_gone_and_stays_gone(writer: tuple[Writer, Rows]) -> None:
    write(writer[0], "sessions", session(1, is_deleted=0), session(2, is_deleted=1), session(1, is_deleted=0))
    assert writer[1]("sessions") == []


def test_no_rows_are_no_write(writer: tuple[Writer, Rows]) -> None:
    write(writer[0], "usage", usage(1, 1).clear())
    assert writer[1]("usage") == []


def test_of_rows_with_one_key_in_one_write_the_highest_version_stays(writer: tuple[Writer, Rows]) -> None:
    write(writer[0], "usage", pl.concat([usage(3, 10), usage(7, 30), usage(5, 20)]))
    assert counts(writer[1]("usage")) == [7.0]


def test_a_null_becomes_the_columns_default(writer: tuple[Writer, Rows]) -> None:
    nulls = [pl.lit(None, pl.String).alias("feature"), pl.lit(None, pl.Float64).alias("failures")]
    write(writer[0], "usage", usage(1, 1).with_columns(nulls))
    ((feature, failures),) = [(row["feature"], row["failures"]) for row in writer[1]("usage")]
    assert (feature, failures) == ("", 0.0)


def test_a_column_left_out_takes_its_default(writer: tuple[Writer, Rows]) -> None:
    write(writer[0], "usage", usage(1, 1).drop("agent", "final"))
    ((agent, final),) = [(row["agent"], row["final"]) for row in writer[1]("usage")]
    assert (agent, final) == ("", 0)


def test_a_null_and_an_empty_text_are_one_key(writer: tuple[Writer, Rows]) -> None:
    null = pl.lit(None, pl.String).alias("feature")
    write(writer[0], "usage", usage(1, 1), usage(2, 2).with_columns(null))
    assert counts(writer[1]("usage")) == [2.0]


def test_a_column_that_the_table_lacks_is_named(writer: tuple[Writer, Rows]) -> None:
    with pytest.raises(UnknownColumnError, match="table usage has no column surprise; it has window_start, project"):
        write(writer[0], "usage", usage(1, 1).with_columns(surprise=pl.lit(1)))
    assert writer[1]("usage") == []


def test_a_table_that_is_not_there_is_named(writer: tuple[Writer, Rows]) -> None:
    with pytest.raises(UnknownTableError, match=r"there is no table tidegate\.nothing"):
        write(writer[0], "nothing", usage(1, 1))
