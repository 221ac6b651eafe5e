"""What someone without a password can't do, however it is written; and a control that shows what the guard is for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tidegate_infra.clickhouse import fixture

pytestmark = pytest.mark.clickhouse
SECRET = "sealed-by-the-tide"


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that the server may read and a reader may not."""
    path = tmp_path_factory.mktemp("secret") / "secret.txt"
    path.write_text(SECRET + "\n")
    return path


FILES = [
    "SELECT * FROM file('{secret}', 'LineAsString')",
    "SELECT file('{secret}')",
    "select FiLe('{secret}', 'x')",
    "SELECT /* harmless */ file /* here */ ('{secret}')",
    "SELECT `file`('{secret}')",
    "SELECT \"file\"('{secret}')",
    "SELECT f FROM (SELECT file('{secret}') AS f)",
    "WITH f AS (SELECT * FROM file('{secret}', 'LineAsString')) SELECT * FROM f",
    "SELECT 1 UNION ALL SELECT length(file('{secret}'))",
    "EXPLAIN SELECT file('{secret}')",
    "EXPLAIN SYNTAX SELECT file('{secret}')",
    "EXPLAIN PLAN SELECT * FROM file('{secret}', 'LineAsString')",
    "DESCRIBE file('{secret}')",
    "DESCRIBE TABLE file('{secret}', 'CSV')",
    "SELECT arrayMap(x -> file(x), ['{secret}'])",
    "SELECT * FROM view(SELECT file('{secret}'))",
    "SELECT * FROM merge(file('{secret}'))",
    "SELECT * FROM fileCluster('default', '{secret}', 'LineAsString')",
    "SELECT * FROM remote('127.0.0.1', file('{secret}', 'LineAsString'))",
    "SELECT * FROM loop(file('{secret}', 'LineAsString')) LIMIT 1",
    "SELECT * FROM '{secret}'",
    "SELECT * FROM `{secret}`",
    "FROM file('{secret}', 'LineAsString') SELECT *",
    "SHOW TABLES WHERE file('{secret}') != ''",
    "SELECT * FROM filesystem('{secret}')",
    "SELECT * FROM executable('cat {secret}', 'LineAsString', 'x String')",
    "SELECT * FROM python('x')",
    "SELECT * FROM sqlite('{secret}', 'x')",
    "SELECT * FROM url('file://{secret}', 'LineAsString')",
    "SELECT * FROM deltaLakeLocal('{secret}')",
    "SELECT * FROM icebergLocal('{secret}')",
    "SELECT * FROM dictionary(file('{secret}'))",
]
WRITES = [
    "INSERT INTO FUNCTION file('{secret}.new', 'TSV', 'x String') VALUES ('x')",
    "INSERT INTO FUNCTION null('x String') SELECT file('{secret}')",
    "SELECT 1 INTO OUTFILE '{secret}.new'",
    "SELECT 1 INTO/**/OUTFILE '{secret}.new' FORMAT TSV",
    "SELECT 1\nINTO\tOUTFILE '{secret}.new' TRUNCATE",
    "CREATE TABLE default.x (a UInt8) ENGINE = Memory",
    "CREATE TEMPORARY TABLE x (a UInt8)",
    "CREATE DATABASE mine",
    "CREATE VIEW default.v AS SELECT 1",
    "CREATE FUNCTION f AS (x) -> x",
    "CREATE USER me",
    "DROP DATABASE default",
    "ALTER TABLE system.query_log DELETE WHERE 1",
    "TRUNCATE TABLE system.query_log",
    "RENAME TABLE default.a TO default.b",
    "ATTACH TABLE default.x FROM '{secret}' (a String) ENGINE = File(TSV)",
    "SYSTEM SHUTDOWN",
    "SYSTEM FLUSH LOGS",
    "SET readonly = 0",
    "SET max_memory_usage = 0",
    "KILL QUERY WHERE 1",
    "KILL QUERY WHERE 1 SYNC",
    "BACKUP DATABASE default TO File('{secret}.bak')",
    "GRANT ALL ON *.* TO default",
    "OPTIMIZE TABLE system.query_log",
    "USE default",
    "BEGIN TRANSACTION",
    "CHECK TABLE system.one",
    "SELECT 1; DROP DATABASE default",
    "SELECT 1 SETTINGS readonly = 0; CREATE DATABASE mine",
    "EXPLAIN CREATE DATABASE mine",
    "EXPLAIN INSERT INTO default.x SELECT 1",
    "WITH 1 AS x INSERT INTO FUNCTION file('{secret}.new') SELECT x",
    "PARALLEL WITH CREATE DATABASE a PARALLEL WITH CREATE DATABASE b",
    "EXECUTE AS writer SELECT 1",
]
REACHES = [
    "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
    "SELECT * FROM s3('http://127.0.0.1:1/bucket/x', 'CSV')",
    "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "SELECT * FROM postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "SELECT * FROM mongodb('127.0.0.1:1', 'a', 'b', 'c', 'd', 'e String')",
    "SELECT * FROM remote('127.0.0.1:1', 'system', 'one')",
    "SELECT * FROM remoteSecure('127.0.0.1:1', 'system', 'one')",
    "SELECT * FROM hdfs('hdfs://127.0.0.1:1/x', 'CSV', 'x String')",
    "SELECT * FROM redis('127.0.0.1:1', 'k', 'k String')",
    "SELECT * FROM azureBlobStorage('http://127.0.0.1:1', 'x', 'y', 'z', 'w')",
]
LIFTED = ["readonly=0", "dialect=prql", "allow_ddl=1", "max_memory_usage=0", "allow_introspection_functions=1"]


def refused(answer: httpx.Response) -> bool:
    return answer.status_code >= 400 and SECRET not in answer.text


@pytest.mark.parametrize("attack", [*FILES, *WRITES])
def test_a_reader_neither_reads_files_nor_writes_anything(reader: httpx.Client, secret: Path, attack: str) -> None:
    answer = reader.post("/", content=attack.format(secret=secret))
    assert refused(answer), answer.text
    assert sorted(secret.parent.iterdir()) == [secret]


@pytest.mark.parametrize("attack", FILES)
def test_nor_with_get_or_a_statement_in_two_parts(reader: httpx.Client, secret: Path, attack: str) -> None:
    sql = attack.format(secret=secret)
    middle = len(sql) // 2
    assert refused(reader.get("/", params={"query": sql}))
    assert refused(reader.post("/", params={"query": sql[:middle]}, content=sql[middle:]))


@pytest.mark.parametrize("attack", REACHES)
def test_a_reader_reaches_no_other_machine(reader: httpx.Client, attack: str) -> None:
    answer = reader.post("/", content=attack)
    assert answer.headers.get("x-clickhouse-exception-code") in {"46", "164", "497"}, answer.text


@pytest.mark.parametrize("setting", LIFTED)
def test_no_setting_lifts_the_limits(reader: httpx.Client, setting: str) -> None:
    name, _, value = setting.partition("=")
    answer = reader.post("/", params={name: value}, content="CREATE DATABASE mine")
    assert answer.status_code >= 400
    inside = reader.post("/", content=f"SELECT getSetting('readonly') SETTINGS {name} = '{value}'")
    assert inside.status_code >= 400 or inside.text == "1\n"


def test_what_a_reader_is_for_works(reader: httpx.Client) -> None:
    assert reader.post("/", content="SELECT 'file(x)' AS file, 1 AS outfile").text == "file(x)\t1\n"
    assert reader.post("/", content="WITH 2 AS x SELECT x -- comment").text == "2\n"
    assert reader.get("/", params={"query": "SHOW DATABASES LIKE 'system'"}).text == "system\n"
    assert reader.post("/", content="EXPLAIN SELECT 1").status_code == 200
    assert reader.post("/", content="DESCRIBE system.one").status_code == 200


def test_a_wrong_password_is_no_reader(reader: httpx.Client) -> None:
    for auth in (("writer", ""), ("writer", "guess"), ("default", "guess"), ("nobody", "")):
        answer = reader.post("/", content="SELECT 1", auth=auth)
        assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (403, "516")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8123", "127.0.0.1.evil.example", "[::1].evil.example"])
def test_a_page_that_points_its_own_name_here_reads_nothing(reader: httpx.Client, host: str) -> None:
    """DNS rebinding: to a browser, that page and this server are one origin, so the name must tell them apart."""
    answer = reader.post("/", content="SELECT 1", headers={"host": host})
    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (403, "516")
    assert "writer" in answer.text


@pytest.mark.parametrize("host", ["localhost:8123", "127.0.0.1", "[::1]:8123", "LOCALHOST"])
def test_the_names_of_this_machine_are_fine(reader: httpx.Client, host: str) -> None:
    assert reader.post("/", content="SELECT 1", headers={"host": host}).text == "1\n"


def test_the_writer_may_come_by_any_name(owner: httpx.Client) -> None:
    assert owner.post("/", content="SELECT 1", headers={"host": "clickhouse.example"}).text == "1\n"


UNGUARDED = """
from tidegate_infra.clickhouse import __main__, app
app.reader_violation = lambda *_: None
__main__.main()
"""


@pytest.fixture(scope="module")
def unguarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    home = tmp_path_factory.mktemp("unguarded")
    with (
        fixture.start(home, program=("-c", UNGUARDED)) as running,
        httpx.Client(base_url=running.url, timeout=60) as client,
    ):
        yield client


def test_control_without_the_guard_the_file_is_read(unguarded: httpx.Client, secret: Path) -> None:
    answers = [unguarded.post("/", content=attack.format(secret=secret)) for attack in FILES]
    assert sum(SECRET in answer.text for answer in answers) >= 3
    assert os.environ.get("TIDEGATE_CLICKHOUSE_WRITER_PASSWORD", "unset") == "unset"
