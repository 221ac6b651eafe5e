"""Summaries of statements: what they say, and what a hostile statement may cost."""

import logging
import subprocess
import sys

import pytest

from tidegate_gateway import sql
from tidegate_gateway.statements import BURST_CHARACTERS, Summariser, summarise


@pytest.mark.parametrize(
    ("statement", "system", "summary"),
    [
        ("SELECT * FROM agents a JOIN accounts c ON c.id = a.account WHERE a.id = 5", "", "SELECT agents accounts"),
        ('select "a b" from "public"."order lines" where x = \'y\'', "postgresql", "SELECT public.order lines"),
        ("SELECT * FROM [dbo].[Orders] WHERE id = @p0", "microsoft.sql_server", "SELECT dbo.Orders"),
        ("SELECT * FROM `orders` WHERE name = 'it\\'s from bob'", "mysql", "SELECT orders"),
        ("WITH r AS (SELECT * FROM orders) SELECT * FROM r JOIN users ON 1 = 1", "", "SELECT orders SELECT users"),
        ("INSERT INTO archive SELECT * FROM orders WHERE id = %(id)s", "postgresql", "INSERT archive SELECT orders"),
        ("UPDATE orders SET a = %s WHERE id = %s", "mysql", "UPDATE orders"),
        ("SELECT id FROM jobs FOR UPDATE SKIP LOCKED", "postgresql", "SELECT jobs"),
        ("INSERT INTO t (a) VALUES (1) ON CONFLICT DO UPDATE SET a = 2", "postgresql", "INSERT t"),
        ("DELETE FROM a WHERE id = 1; DELETE FROM b WHERE id = 1", "", "DELETE a DELETE b"),
        ("CREATE TABLE x (a int REFERENCES y ON DELETE CASCADE)", "", "CREATE x y"),
        ("REPLACE INTO t VALUES (1)", "mysql", "REPLACE t"),
        ("BEGIN", "", "BEGIN"),
        ("COMMIT", "sqlite", "COMMIT"),
        ("PRAGMA table_info('orders')", "sqlite", "PRAGMA"),
        ("SET session:4711 secret", "redis", "SET"),
        ('{"find": "orders"}', "mongodb", ""),
        ("hello there", "", ""),
        ("", "", ""),
    ],
)
def test_a_summary_is_operations_and_targets(statement: str, system: str, summary: str) -> None:
    assert summarise(statement, system) == summary


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT " + "(" * 50_000 + "1" + ")" * 50_000,
        "SELECT " + "f((" * 1_000,
        "SELECT " + "a+" * 1_900 + "1",
        "SELECT " + "CASE WHEN a THEN " * 200,
        "SELECT '" + "x" * 1_000_000,
        "SELECT a FROM t " + "JOIN t " * 500,
        "WITH a AS (" * 300,
        "SELECT * FROM " + "t, " * 1_200 + "t",
    ],
)
def test_a_hostile_statement_is_told_by_its_beginning(statement: str) -> None:
    assert Summariser().summarise(statement).startswith("SELECT") or statement.startswith("WITH")


def test_what_may_be_parsed_is_bounded_and_comes_back_with_time(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds, parsed = [0.0], []

    def words(text: str, _: str) -> list[str]:
        parsed.append(len(text))
        return ["SELECT", "parsed"]

    monkeypatch.setattr(sql, "words", words)
    summariser = Summariser(lambda: seconds[0])
    statements = [f"SELECT a FROM t WHERE b = {number:0>3000}" for number in range(100)]
    told = [summariser.summarise(statement) for statement in statements]
    assert BURST_CHARACTERS - 4_000 < sum(parsed) <= BURST_CHARACTERS
    assert told[0] == "SELECT parsed"
    assert told[-1] == "SELECT t"
    assert summariser.summarise(statements[0]) == "SELECT parsed"  # remembered: costs nothing
    seconds[0] += 1.0
    assert summariser.summarise("SELECT a FROM u") == "SELECT parsed"


def test_the_parser_logs_no_statement(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        summarise("CREATE USER 'bob' IDENTIFIED BY 'secret'", "mysql")
    assert "bob" not in caplog.text


def test_the_parser_is_in_memory_from_the_first_statement_on() -> None:
    lines = (
        "import sys, tidegate_gateway.serve as serve",
        "from tidegate_gateway.statements import summarise",
        "summarise('GET 42', 'redis'); before = 'sqlglot' in sys.modules",
        "summarise('SELECT a FROM b'); print(before, 'sqlglot' in sys.modules)",
    )
    ended = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["False", "True"]
