"""Producers of their own, that know the published schemas and Kafka and nothing else of Tidegate."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Message
from tests.clients.node_workspace import NodeWorkspace
from tests.clients.stack import Stack

from tidegate_infra.keys import ensure_edge_key
from tidegate_stream.log import Log

pytestmark = [pytest.mark.clients, pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.timeout(300)]

CLIENT = Path(__file__).with_name("python") / "kafka_python.py"
PAGE = Path(__file__).parents[2] / "docs" / "edges" / "kafka.md"
TRACE = "0af7651916cd43dd8448eb211c80319c"
EVENTS = (
    "SELECT *, toString(event_id) AS id, toString(properties) AS text FROM analytics.events WHERE service = {s:String}"
)
LETTERS = "SELECT reason, detail FROM analytics.dead_letters WHERE producer_id = {p:String} OR detail LIKE {d:String}"
PRODUCER = "SELECT * FROM analytics.producers WHERE producer_id = {p:String} AND project = 'default'"

Send = Callable[..., None]


@pytest.fixture(scope="session")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `tidegate schemas` writes."""
    folder = tmp_path_factory.mktemp("kafka") / "schemas"
    home = {**os.environ, "TIDEGATE_HOME": str(folder.parent / "home")}
    argv = [sys.executable, "-m", "tidegate_infra", "schemas", str(folder)]
    subprocess.run(argv, check=True, capture_output=True, env=home)
    return folder


@pytest.fixture(params=["python", "node"])
def send(request: pytest.FixtureRequest, stack: Stack, schemas: Path) -> Send:
    """Has a client send records, and demands that Kafka took them."""
    facts: dict[str, Any] = {"schemas": str(schemas), "brokers": stack.settings.brokers}

    def by_python(records: list[dict[str, Any]]) -> None:
        argv = [sys.executable, "-I", str(CLIENT), json.dumps({**facts, "records": records})]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout) == (0, "[]"), done.stderr

    def by_node(records: list[dict[str, Any]]) -> None:
        node: NodeWorkspace = request.getfixturevalue("node")
        assert node.run("kafka_node.mjs", **facts, records=records) == []

    return by_python if request.param == "python" else by_node


class App:
    """One process that numbers its events."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.producer = f"shop-{uuid.uuid4()}"
        self.device, self.user = f"device-{uuid.uuid4()}", f"user-{uuid.uuid4()}"
        self.happened = datetime.now(UTC) - timedelta(seconds=30)
        self._last = 0

    def record(self, kind: str, name: str, **fields: Any) -> dict[str, Any]:
        """The next event of this process, as its client is given it."""
        self._last += 1
        micros = int(self.happened.timestamp() * 1_000_000)
        event = {
            "event_id": str(uuid.uuid4()),
            "producer_id": self.producer,
            "sequence": self._last,
            "project": "default",
            "environment": "test",
            "service": self.service,
            "name": name,
            "occurred_at": micros,
            "received_at": micros + 1_000_000,
            "consent": "granted",
            "user_id": self.user,
            "anonymous_id": self.device,
            "trace_id": TRACE,
            **fields,
        }
        return {"kind": kind, "key": self.device, "event": event}


def test_events_written_with_the_published_schemas_are_found_once_with_their_fields(
    send: Send, stack: Stack, mark: str
) -> None:
    app = App(mark)
    bought = app.record("track", "Bought", feature="checkout", properties='{"items": 3, "card": "4111111111111111"}')
    viewed = app.record(
        "track", "Viewed", type="page", ip="203.0.113.9", url="https://shop.example/p?email=a@b.example"
    )
    failed = app.record("error", "ValueError", message="no such basket", stack="[]", route="/basket")
    served = app.record(
        "span", "GET /basket", operation="request", duration_seconds=0.25, status_code=500, method="GET"
    )
    send([bought, viewed, bought, failed, served, served])
    send([bought, served])

    rows = {row["name"]: row for row in stack.arrived(EVENTS, 2, s=mark)}
    assert rows["Bought"]["id"] == bought["event"]["event_id"]
    assert (rows["Bought"]["feature"], rows["Bought"]["properties"]["items"]) == ("checkout", 3)
    assert rows["Bought"]["trace_id"] == TRACE
    assert abs(rows["Bought"]["occurred_at"].replace(tzinfo=UTC) - app.happened) < timedelta(milliseconds=1)
    assert (rows["Viewed"]["type"], rows["Viewed"]["ip"]) == ("page", "203.0.113.0")
    assert rows["Viewed"]["url"] == "https://shop.example/p"
    assert rows["Bought"]["visitor"] == rows["Viewed"]["visitor"] != ""
    assert not any(text in str(rows) for text in (app.device, app.user, "4111111111111111", "a@b.example"))
    (error,) = stack.arrived("SELECT * FROM analytics.errors WHERE service = {s:String}", 1, s=mark)
    assert (error["name"], error["route"]) == ("ValueError", "/basket")
    (rates,) = stack.rows("SELECT sum(requests) AS n FROM analytics.error_rates WHERE service = {s:String}", s=mark)
    (latency,) = stack.rows("SELECT count, max_seconds FROM analytics.latencies WHERE service = {s:String}", s=mark)
    assert (rates["n"], latency["count"], latency["max_seconds"]) == (1, 1, 0.25)
    (producer,) = stack.rows(PRODUCER, p=app.producer)
    assert (producer["producer_kind"], producer["stored"], producer["missing"]) == ("kafka", 4, 0)


def test_a_bad_record_is_a_dead_letter_and_the_others_go_on(send: Send, stack: Stack, mark: str) -> None:
    app = App(mark)
    good = [app.record("track", "One")]
    bad = [
        app.record("track", "Sampled wrongly", sample_rate=7.0),
        app.record("track", "Not JSON", properties="{'a': 1}"),
        app.record("track", "No UUID", event_id="42"),
    ]
    # Nothing can be read of these, so nobody is named as their producer.
    unread = [{"kind": "track", "key": app.device, "hex": "c301" + uuid.uuid4().hex[:16] + "00"}]
    send([*bad, *unread, *good, app.record("track", "Two")])
    assert {row["name"] for row in stack.arrived(EVENTS, 2, s=mark)} == {"One", "Two"}

    fingerprint = unread[0]["hex"][4:20]
    letters = stack.arrived(LETTERS, 4, p=app.producer, d=f"%{fingerprint}%")
    assert {(row["reason"], row["detail"].split(":")[0]) for row in letters} == {
        ("invalid_field", "field sample_rate"),
        ("malformed_json", "field properties"),
        ("invalid_field", "field event_id"),
        ("unknown_schema", f"single-object record claims schema {fingerprint}, which is no version of ours"),
    }
    (producer,) = stack.rows(PRODUCER, p=app.producer)
    assert (producer["stored"], producer["dead_lettered"], producer["missing"]) == (2, 3, 0)


def example(stack: Stack, folder: Path, names: dict[str, str], blocks: int, more: str = "") -> None:
    """Run the first programs of the documentation, one after the other, beside the published schemas."""
    code = "\n".join(block.partition("```")[0] for block in PAGE.read_text().split("```python\n")[1 : blocks + 1])
    for said, own in {"127.0.0.1:9092": str(stack.settings.brokers), **names}.items():
        assert said in code
        code = code.replace(said, own)
    argv = [sys.executable, "-c", code + more]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_example_of_the_documentation_is_stored_as_it_stands(stack: Stack, schemas: Path, mark: str) -> None:
    example(stack, schemas.parent, {"Order Shipped": mark}, 1)
    (row,) = stack.arrived("SELECT * FROM analytics.events WHERE name = {name:String}", 1, name=mark)
    assert (row["project"], row["sequence"]) == ("default", 1)


FORGED = """
moved = {**event, "event_id": str(uuid.uuid4()), "sequence": 3}
record = sealed("track", moved, b"x")
kafka.produce(topic["topic"], record.replace(moved["event_id"].encode(), event["event_id"].encode()), b"k")
kafka.flush()
"""


def test_a_client_with_the_published_schemas_seals_for_the_gate_and_kafka_holds_nothing_of_it(
    stack: Stack, schemas: Path, mark: str
) -> None:
    edge_key = ensure_edge_key(stack.settings.model_copy(update={"seal_raw": True}))
    (schemas.parent / "edge.key").write_text(edge_key or "")
    # The device is no word of the names: the gate would take it out of them.
    names = {"Order Shipped": f"{mark} clear", "Order Sealed": f"{mark} sealed", "device-7": f"d{mark[-12:]}"}
    names["import-{uuid.uuid4()}"] = f"import-{mark}"
    example(stack, schemas.parent, names, 2, FORGED)
    rows = stack.arrived("SELECT * FROM analytics.events WHERE startsWith(name, {name:String})", 2, name=mark)
    assert {row["name"]: row["sequence"] for row in rows} == {f"{mark} clear": 1, f"{mark} sealed": 2}
    assert len({row["visitor"] for row in rows}) == 1
    (letter,) = stack.arrived(LETTERS, 1, p=f"import-{mark}", d="")
    assert letter["reason"] == "unopenable"  # the control: an account that isn't its own
    held = [message for message in raw_records(stack) if mark.encode() in (message.value() or b"")]
    assert len(held) == 3  # the producer's name is in the clear
    assert [b"clear" in (message.value() or b"") for message in held].count(True) == 1
    assert not any(b" sealed" in (message.value() or b"") for message in held)
    assert [(message.key() or b"") == f"d{mark[-12:]}".encode() for message in held].count(True) == 1


def raw_records(stack: Stack) -> list[Message]:
    with Log(str(stack.settings.brokers)) as log:
        places = log.places(["raw.track"])
        return list(log.records({place: low for place, (low, _) in log.extents(places).items()}))


def test_the_python_client_imports_nothing_of_tidegate() -> None:
    nodes = list(ast.walk(ast.parse(CLIENT.read_text())))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in plain | named} == {
        "io",
        "json",
        "sys",
        "pathlib",
        "typing",
        "confluent_kafka",
        "fastavro",
    }
