"""Reading statements: wherever words and signs stand in texts and comments, they are no part of the statement."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate_infra.clickhouse.statement import parse, reader_violation, tokens

INNER = st.text(st.sampled_from("ab;'\"`\\-/*#(){}[] \nFORMAT"), max_size=12)


def quoted(text: str, quote: str) -> str:
    escaped = text.replace("\\", "\\\\").replace(quote, "\\" + quote)
    return f"{quote}{escaped}{quote}"


LITERALS = INNER.map(lambda text: quoted(text, "'")) | INNER.map(lambda text: quoted(text, "`"))
COMMENTS = INNER.map(lambda text: "/*" + text.replace("*", "").replace("/", "") + " */") | INNER.map(
    lambda text: "--" + text.replace("\n", "") + "\n"
)


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_fail(sql: bytes) -> None:
    statement = parse(sql)
    assert isinstance(statement.kind, str)
    assert all(sql[token.start : token.end] == token.text for token in tokens(sql))


@given(st.text(max_size=100))
def test_no_text_makes_the_guard_fail(sql: str) -> None:
    reader_violation(sql, {}, {"file", "url"})


@given(LITERALS, COMMENTS, st.sampled_from(["JSON", "CSV", "Parquet"]))
def test_the_format_is_the_word_at_the_end_whatever_texts_say(literal: str, comment: str, name: str) -> None:
    sql = f"{comment}SELECT {literal}, 'FORMAT TSV' {comment} FORMAT {name} SETTINGS max_threads = 1;"
    statement = parse(sql.encode())
    assert (statement.kind, statement.format) == ("SELECT", name)
    assert statement.tail.strip() == b"SETTINGS max_threads = 1"
    assert literal.encode() in statement.head


@given(LITERALS, COMMENTS)
def test_without_a_format_there_is_none(literal: str, comment: str) -> None:
    sql = f"SELECT {literal} AS format {comment} FROM t".encode()
    assert (parse(sql).format, parse(sql).head) == (None, sql)


@given(st.binary(max_size=100), COMMENTS)
def test_what_follows_the_format_of_an_insert_is_its_data(data: bytes, comment: str) -> None:
    statement = parse(f"{comment}INSERT INTO t (a, b) FORMAT Native\n".encode() + data)
    assert (statement.kind, statement.format, statement.data) == ("INSERT", "Native", data)


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("select 1", "SELECT"),
        ("/* x */ -- y\nWITH a AS (SELECT 1) SELECT * FROM a", "WITH"),
        ("INSERT INTO t VALUES (1)", "INSERT VALUES"),
        ("INSERT INTO t SELECT 1", "INSERT SELECT"),
        ("INSERT INTO t.select (a) FORMAT CSV\n1", "INSERT"),
        ("(SELECT 1) UNION ALL (SELECT 2)", "("),
        ("DROP TABLE t", "DROP"),
        ("", ""),
        ("-- nothing", ""),
    ],
)
def test_the_kind_is_the_first_word(sql: str, kind: str) -> None:
    assert parse(sql.encode()).kind == kind
