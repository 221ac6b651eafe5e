"""ClickHouse's HTTP interface, as curl and other clients without a driver use it."""

from __future__ import annotations

import gzip
import json
import subprocess
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import lz4.frame
import pyarrow.parquet
import pytest
from backports import zstd

pytestmark = pytest.mark.clickhouse
ROWS = "SELECT number AS n, toString(number) AS t FROM numbers(3)"


@pytest.mark.parametrize(
    ("name", "body", "kind"),
    [
        ("TabSeparated", "0\t0\n1\t1\n2\t2\n", "text/tab-separated-values"),
        ("CSVWithNames", '"n","t"\n0,"0"\n1,"1"\n2,"2"\n', "text/csv"),
        ("JSONEachRow", '{"n":0,"t":"0"}\n{"n":1,"t":"1"}\n{"n":2,"t":"2"}\n', "application/x-ndjson"),
    ],
)
def test_formats_by_clause_parameter_and_header(reader: httpx.Client, name: str, body: str, kind: str) -> None:
    answers = [
        reader.post("/", content=f"{ROWS} FORMAT {name}"),
        reader.get("/", params={"query": ROWS, "default_format": name}),
        reader.post("/", content=ROWS, headers={"x-clickhouse-format": name}),
    ]
    for answer in answers:
        assert (answer.status_code, answer.text) == (200, body)
        assert answer.headers["content-type"].startswith(kind)
        assert answer.headers["x-clickhouse-format"] == name


def test_json_and_parquet_are_whole(reader: httpx.Client) -> None:
    whole = json.loads(reader.post("/", content=f"{ROWS} FORMAT JSON").text)
    assert (whole["rows"], [row["t"] for row in whole["data"]]) == (3, ["0", "1", "2"])
    parquet = reader.post("/", content=f"{ROWS} FORMAT Parquet").content
    assert pyarrow.parquet.read_table(pyarrow.BufferReader(parquet)).to_pydict()["n"] == [0, 1, 2]


def test_curl_needs_nothing_but_the_address(reader: httpx.Client) -> None:
    done = subprocess.run(
        ["curl", "-sS", str(reader.base_url), "--data-binary", "SELECT 1 + 1"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout == "2\n"


def test_an_insert_takes_its_data_from_the_body(owner: httpx.Client, database: str) -> None:
    owner.post("/", content=f"CREATE TABLE {database}.t (a UInt8, b String) ENGINE = MergeTree ORDER BY a")
    insert = f"INSERT INTO {database}.t FORMAT JSONEachRow"
    answers = [
        owner.post("/", params={"query": insert}, content='{"a":1,"b":"FORMAT CSV"}\n{"a":2,"b":"x"}'),
        owner.post("/", content=f'{insert}\n{{"a":3,"b":"y"}}'),
        owner.post("/", content=f"INSERT INTO {database}.t VALUES (4, 'z')"),
    ]
    for answer in answers:
        assert answer.status_code == 200, answer.text
    assert json.loads(answers[0].headers["x-clickhouse-summary"])["written_rows"] == "2"
    found = owner.post("/", content=f"SELECT * FROM {database}.t ORDER BY a FORMAT TSV").text
    assert found == "1\tFORMAT CSV\n2\tx\n3\ty\n4\tz\n"


PACKERS: dict[str, Any] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstd.compress,
    "lz4": lz4.frame.compress,
}
UNPACKERS: dict[str, Any] = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "zstd": zstd.decompress,
    "lz4": lz4.frame.decompress,
}


@pytest.mark.parametrize("encoding", PACKERS)
def test_bodies_are_packed_both_ways(reader: httpx.Client, encoding: str) -> None:
    sql = PACKERS[encoding](b"SELECT number FROM numbers(100000)")
    headers = {"content-encoding": encoding, "accept-encoding": encoding}
    with reader.stream("POST", "/", params={"enable_http_compression": 1}, content=sql, headers=headers) as answer:
        assert answer.headers["content-encoding"] == encoding
        body = UNPACKERS[encoding](b"".join(answer.iter_raw()))
    assert body == b"".join(b"%d\n" % number for number in range(100_000))


def test_a_body_that_cannot_be_unpacked_says_so(reader: httpx.Client) -> None:
    answer = reader.post("/", content=b"no gzip", headers={"content-encoding": "gzip"})
    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (500, "271")


def test_blocks_with_a_checksum_need_their_library_and_say_so(reader: httpx.Client) -> None:
    answer = reader.post("/", params={"compress": 1}, content="SELECT 1")
    assert answer.status_code == 400
    assert "clickhouse-cityhash" in answer.text


def test_a_query_that_fails_late_ends_with_an_exception_that_can_be_told(reader: httpx.Client) -> None:
    sql = "SELECT throwIf(number = 3000000) FROM numbers(4000000)"
    answer = reader.post("/", content=sql)
    tag = answer.headers["x-clickhouse-exception-tag"]
    assert f"__exception__\r\n{tag}\r\n" in answer.text
    whole = reader.post("/", params={"wait_end_of_query": 1}, content=sql)
    assert (whole.status_code, whole.headers["x-clickhouse-exception-code"]) == (500, "395")


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        ("SELECT", 400, "62"),
        ("", 400, "62"),
        ("SELECT * FROM nowhere", 404, "60"),
        ("DROP TABLE x", 403, "497"),
        ("SELECT 1 FORMAT Nonsense", 400, "73"),
    ],
)
def test_statuses_are_those_of_the_server(reader: httpx.Client, sql: str, status: int, code: str) -> None:
    answer = reader.post("/", content=sql)
    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (status, code), answer.text


def test_tables_come_along_with_a_query(owner: httpx.Client) -> None:
    answer = owner.post(
        "/",
        params={"query": "SELECT sum(a) FROM given", "given_structure": "a UInt64", "given_format": "CSV"},
        files={"given": b"1\n2\n39\n"},
    )
    assert (answer.status_code, answer.text) == (200, "42\n")


def test_a_session_keeps_its_temporary_tables_and_is_one_clients_at_a_time(owner: httpx.Client) -> None:
    session = {"session_id": "mine"}
    owner.post("/", params=session, content="CREATE TEMPORARY TABLE kept (a UInt8)").raise_for_status()
    owner.post("/", params=session, content="INSERT INTO kept VALUES (7)").raise_for_status()
    assert owner.post("/", params=session, content="SELECT a FROM kept").text == "7\n"
    assert owner.post("/", content="SELECT a FROM kept").headers["x-clickhouse-exception-code"] == "60"
    missing = owner.post("/", params={"session_id": "none", "session_check": 1}, content="SELECT 1")
    assert missing.headers["x-clickhouse-exception-code"] == "372"


def test_many_at_once_do_not_mix(reader: httpx.Client) -> None:
    def ask(number: int) -> str:
        sql = "SELECT {n:UInt32} + sum(0) FROM numbers(1000)"
        return reader.post("/", params={"param_n": number}, content=sql).text

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(200))) == [f"{number}\n" for number in range(200)]


def test_health_and_metrics(reader: httpx.Client) -> None:
    assert reader.get("/").text == reader.get("/ping").text == "Ok.\n"
    health = reader.get("/healthz").json()
    assert health["status"] == "ok"
    reader.post("/", content="SELECT 1")
    assert "tidegate_clickhouse_queries_total" in reader.get("/metrics").text
    assert reader.get("/nowhere").status_code == 404


def test_no_number_of_different_settings_wears_it_out(reader: httpx.Client) -> None:
    for size in range(1, 60):
        answer = reader.post("/", params={"max_block_size": size % 40 + 1}, content="SELECT 1")
        assert (answer.status_code, answer.text) == (200, "1\n")


def test_an_insert_that_the_table_refuses_is_an_error_and_leaves_nothing(owner: httpx.Client, database: str) -> None:
    owner.post(
        "/", content=f"CREATE TABLE {database}.r (a Int64, CONSTRAINT c CHECK a < 9) ENGINE = MergeTree ORDER BY a"
    )
    insert = {"query": f"INSERT INTO {database}.r FORMAT TabSeparated"}
    refused = owner.post("/", params=insert, content="1\n9\n")
    assert (refused.status_code, refused.headers["x-clickhouse-exception-code"]) == (500, "469")
    assert owner.post("/", params=insert, content="1\n").is_success
    owner.post("/", content=f"ALTER TABLE {database}.r MODIFY SETTING parts_to_throw_insert = 1")
    refused = owner.post("/", params=insert, content="2\n")
    assert (refused.status_code, refused.headers["x-clickhouse-exception-code"]) == (500, "252")
    assert owner.get("/", params={"query": f"SELECT groupArray(a) FROM {database}.r"}).text == "[1]\n"


def test_an_insert_may_have_settings_of_its_own(owner: httpx.Client, database: str) -> None:
    owner.post("/", content=f"CREATE TABLE {database}.s (a Int64) ENGINE = MergeTree ORDER BY a")
    insert = f"INSERT INTO {database}.s (a) SETTINGS input_format_csv_skip_first_lines = 1 FORMAT CSV\n"
    answer = owner.post("/", content=f"{insert}7\n8\n")
    assert json.loads(answer.headers["x-clickhouse-summary"])["written_rows"] == "1"
    assert owner.get("/", params={"query": f"SELECT groupArray(a) FROM {database}.s"}).text == "[8]\n"
