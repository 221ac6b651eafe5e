"""Databases, resources and uncaught exceptions: what instrumentation in one line tells of them."""

from __future__ import annotations

import gc
import sqlite3
import subprocess
import sys
import threading
import time

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.pool import QueuePool
from tests.unit.producers.recording import Recording

from tidegate.instrument import dbapi, exceptions, resources
from tidegate.instrument import sqlalchemy as for_sqlalchemy
from tidegate.instrument.statements import summarise


@pytest.mark.parametrize(
    ("statement", "summary"),
    [
        ("SELECT * FROM orders WHERE email = 'anna@example.org'", "SELECT orders"),
        ('select a from "Orders" o join accounts a on a.id = o.account', "SELECT Orders accounts"),
        ("INSERT INTO shop.orders (total) VALUES (12)", "INSERT shop.orders"),
        ("UPDATE accounts SET name = 'Bert from orders'", "UPDATE accounts"),
        ("DELETE FROM orders -- FROM secret", "DELETE orders"),
        ("CREATE TABLE IF NOT EXISTS visits (id int)", "CREATE visits"),
        ("WITH recent AS (SELECT 1 FROM visits) SELECT * FROM recent", "SELECT visits SELECT"),
        ("BEGIN", "BEGIN"),
        ("/* from secrets */ SELECT 1", "SELECT"),
        ("SELECT 'it''s FROM secret', 1 FROM `orders`", "SELECT orders"),
        ("'unfinished", ""),
        ("SELECT a FROM orders WHERE b = \"it's\" AND c = 'x FROM secret'", "SELECT orders"),
        ('SELECT a FROM orders WHERE b = "FROM" "secret"', "SELECT orders"),
        ("SELECT a FROM orders WHERE b = 'it\\'s FROM secret' AND c = 'FROM secret'", "SELECT orders"),
        ("SELECT a FROM orders WHERE b = $q$ FROM secret $q$", "SELECT orders"),
        ("", ""),
    ],
)
def test_a_summary_has_operation_and_targets(statement: str, summary: str) -> None:
    assert summarise(statement) == summary


@given(st.text(max_size=60))
def test_no_literal_is_ever_in_a_summary(literal: str) -> None:
    quoted = literal.replace("'", "''")
    statement = f"SELECT a FROM orders WHERE b = '{quoted}' AND c = 'x FROM {quoted}'"
    assert summarise(statement) == "SELECT orders"


def test_a_value_of_many_letters_that_is_written_into_a_statement_costs_the_application_next_to_nothing() -> None:
    def seconds(last: int) -> float:
        statement = f"INSERT INTO files (content) VALUES ({last}x{'AB' * 2_040})"  # another one each time
        began = time.thread_time()
        assert summarise(statement) == "INSERT files"
        return time.thread_time() - began

    assert min(seconds(last) for last in range(3)) < 0.02


def engine() -> sa.Engine:
    return sa.create_engine("sqlite://", poolclass=QueuePool, pool_size=3, max_overflow=2)


def test_a_query_of_sqlalchemy_is_a_span_and_a_failed_one_an_error() -> None:
    client, database = Recording(), engine()
    for_sqlalchemy.instrument(database, client)
    with client.span("GET /orders", "request") as request, database.connect() as connection:
        connection.execute(sa.text("CREATE TABLE orders (email TEXT)"))
        connection.execute(sa.text("INSERT INTO orders VALUES (:email)"), [{"email": "anna@example.org"}] * 3)
        with pytest.raises(sa.exc.OperationalError):
            connection.execute(sa.text("SELECT missing FROM orders"))
    *queries, _ = client.of("span")
    told = [(span["operation"], span["statement"], span["db_system"], span["status"]) for span in queries]
    assert told == [
        ("query", "CREATE orders", "sqlite", "ok"),
        ("query", "INSERT orders", "sqlite", "ok"),
        ("query", "SELECT orders", "sqlite", "error"),
    ]
    assert {span["parent_span_id"] for span in queries} == {request.span_id}
    assert "anna" not in repr(queries)


def test_the_pools_use_is_a_gauge() -> None:
    client, database = Recording(), engine()
    for_sqlalchemy.instrument(database, client, "orders")
    with database.connect():
        found = {point["name"] + point["attributes"]: point["value"] for point in client.of("metric")}
    pool = '"db.client.connection.pool.name":"orders"'
    assert found[f'db.client.connection.count{{{pool},"db.client.connection.state":"used"}}'] == 1
    assert found[f'db.client.connection.count{{{pool},"db.client.connection.state":"idle"}}'] == 0
    assert found[f"db.client.connection.max{{{pool}}}"] == 5


def test_a_query_of_any_driver_is_a_span() -> None:
    client = Recording()
    connection = dbapi.traced(sqlite3.connect(":memory:"), client, "sqlite")
    with connection:
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE orders (total INT)")
        cursor.executemany("INSERT INTO orders VALUES (?)", [[1], [2]])
        assert list(cursor.execute("SELECT total FROM orders")) == [(1,), (2,)]
        with pytest.raises(sqlite3.OperationalError):
            cursor.execute("SELECT total FROM nowhere")
    assert [(span["statement"], span["status"]) for span in client.of("span")] == [
        ("CREATE orders", "ok"),
        ("INSERT orders", "ok"),
        ("SELECT orders", "ok"),
        ("SELECT nowhere", "error"),
    ]


def test_a_process_tells_its_cpu_memory_threads_and_collections() -> None:
    client, readings = Recording(), iter(range(1_000))
    resources.instrument(client, timer=lambda: float(next(readings)))
    gc.collect()
    found = {point["name"] + point["attributes"]: point for point in client.of("metric")}
    assert 0 <= found["process.cpu.utilization{}"]["value"] <= 1
    assert found["process.memory.usage{}"]["value"] > 10_000_000
    assert found["process.memory.virtual{}"]["value"] > found["process.memory.usage{}"]["value"]
    assert found["process.thread.count{}"]["value"] >= 1
    assert found['cpython.gc.collections{"generation":2}']["value"] >= 1


def test_an_exception_of_a_thread_is_reported_and_the_hook_before_still_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    client, seen = Recording(), list[str]()
    monkeypatch.setattr(threading, "excepthook", lambda arguments: seen.append(str(arguments.exc_value)))
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    exceptions.instrument(client)
    thread = threading.Thread(target=lambda: int("seven"))
    thread.start()
    thread.join()
    (error,) = client.of("error")
    assert (error["name"], error["handled"], error["level"]) == ("ValueError", False, "error")
    assert len(seen) == 1


APP = """
import tidegate.instrument.exceptions
from tidegate import Client
from tidegate.publish import MemoryPublisher
memory = MemoryPublisher()
tidegate.instrument.exceptions.instrument(Client(publisher=memory))
import atexit
atexit.register(lambda: print(len(memory.records["raw.error"])))
raise ValueError("the end")
"""


def test_an_exception_that_ends_the_process_is_reported_first() -> None:
    done = subprocess.run([sys.executable, "-c", APP], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "1\n")
    assert "ValueError: the end" in done.stderr
