"""OpenTelemetry's Python and Node SDKs with their instrumentation: all that they send is found once, in its place."""

import json
import os
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.clients import otlp_shop
from tests.clients.lossy_link import LossyLink
from tests.clients.node_workspace import NodeWorkspace
from tests.clients.stack import Stack

pytestmark = [pytest.mark.clients, pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.timeout(300)]

SPANS = "SELECT *, toString(properties) AS text FROM analytics.spans WHERE service = {service:String}"
OF_OPERATION = f"{SPANS} AND operation = {{operation:String}}"
ERRORS = "SELECT * FROM analytics.errors WHERE service = {service:String}"
LOGS = "SELECT *, toString(attributes) AS text FROM analytics.logs WHERE service = {service:String}"
OWN = ("reads", "open", "load", "temperature", "orders", "queued", "latency", "spread")
POINTS = "SELECT * FROM analytics.metrics WHERE service = {service:String} AND name IN {names:Array(String)}"
#: (instrument, value or sum) of each of the shop's instruments
MEASURED = {
    "reads": ("counter", 40.0),
    "open": ("gauge", -4.0),
    "load": ("gauge", 0.25),
    "temperature": ("gauge", 21.5),
    "orders": ("counter", 3.0),
    "queued": ("gauge", -2.0),
    "latency": ("histogram", 0.2),
    "spread": ("histogram", 101.0),
}
DUPLICATES = "SELECT sum(quantity) AS copies FROM analytics.outcomes WHERE reason = 'duplicate'"


def start_python(stack: Stack, service: str, url: str = "") -> subprocess.Popen[str]:
    facts = {"url": url or stack.gateway_url, "key": stack.write_key, "service": service}
    command = [sys.executable, otlp_shop.__file__, json.dumps(facts)]
    patient = {**os.environ, "OTEL_EXPORTER_OTLP_TIMEOUT": "120"}  # seconds, retries included
    return subprocess.Popen(command, env=patient, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run_python(stack: Stack, service: str) -> None:
    _, said = (process := start_python(stack, service)).communicate(timeout=120)
    assert process.returncode == 0, said


def run_node(stack: Stack, node: NodeWorkspace, service: str, protocol: str) -> None:
    to: dict[str, Any] = {"url": stack.gateway_url, "key": stack.write_key}
    said = node.run("otlp_node.mjs", seconds=120, service=service, protocol=protocol, secret=otlp_shop.SECRET, **to)
    assert said == "sent"


def check_traces(stack: Stack, service: str, queries: int) -> None:
    """Three requests, the queries in two of them, and an exception in the third; of the same traces."""
    requests = stack.arrived(OF_OPERATION, 3, service=service, operation="request")
    assert sorted(row["status_code"] for row in requests) == [200, 200, 500]
    assert {(row["method"], row["release"], row["environment"]) for row in requests} == {("GET", "1.2", "test")}
    assert all("/orders/" in row["url"] and "?" not in row["url"] for row in requests)
    traces = {row["trace_id"] for row in requests}
    found = stack.arrived(OF_OPERATION, queries, service=service, operation="query")
    told = [row for row in found if row["statement"] == "SELECT orders"]
    assert len(told) == 2
    assert {row["trace_id"] for row in told} < traces
    (error,) = stack.arrived(ERRORS, 1, service=service)
    assert error["name"] in {"LookupError", "RangeError"}
    assert (error["level"], error["trace_id"] in traces) == ("error", True)
    assert json.loads(error["stack"])[-1]["in_app"]
    assert otlp_shop.SECRET not in str([*requests, *found, error])


def check_logs(stack: Stack, service: str) -> None:
    """Two warnings in the traces of their requests, and an event with a structured body."""
    rows = stack.arrived(LOGS, 3, service=service)
    warnings = [row for row in rows if row["level"] == "warning"]
    assert sorted(row["body"][:8] for row in warnings) == ["order 1 ", "order 2 "]
    assert {row["logger"] for row in warnings} == {"shop.orders"}
    traces = {row["trace_id"] for row in stack.rows(SPANS, service=service)}
    assert {row["trace_id"] for row in warnings} < traces
    (event,) = [row for row in rows if row["name"] == "order.paid"]
    assert (event["level"], event["severity_number"], event["body"]) == ("debug", 5, '{"step":1}')
    assert event["attributes"] == {"amount": 12}
    assert otlp_shop.SECRET not in str(rows)


def check_metrics(stack: Stack, service: str) -> dict[str, dict[str, Any]]:
    """One point of each instrument."""
    rows = {row["name"]: row for row in stack.arrived(POINTS, len(OWN), service=service, names=list(OWN))}
    for name, (instrument, value) in MEASURED.items():
        assert (name, rows[name]["instrument"]) == (name, instrument)
        assert rows[name]["sum" if instrument == "histogram" else "value"] == pytest.approx(value)
    assert (rows["temperature"]["unit"], rows["latency"]["unit"]) == ("Cel", "s")
    assert (rows["reads"]["attributes"], rows["orders"]["attributes"]) == ({"pool": "main"}, {"plan": "team"})
    spread = rows["spread"]
    assert spread["count"] == sum(spread["bucket_counts"]) == 3
    assert spread["bucket_counts"][spread["bucket_bounds"].index(0.0)] == 1
    return rows


def test_pythons_sdk_with_fastapi_and_sqlalchemy(stack: Stack, mark: str) -> None:
    run_python(stack, mark)
    check_traces(stack, mark, queries=4)  # the instrumentation tells of connecting, too
    routes = stack.rows(OF_OPERATION, service=mark, operation="request")
    assert {row["route"] for row in routes} == {"/orders/{number}"}
    check_logs(stack, mark)
    exemplars = json.loads(check_metrics(stack, mark)["latency"]["exemplars"])
    (measured,) = [row for row in stack.rows(SPANS, service=mark) if row["name"] == "measure"]
    assert [(each["trace_id"], each["value"]) for each in exemplars] == [(measured["trace_id"], 0.2)]
    view = "SELECT trace_id FROM analytics.exemplars WHERE service = {service:String} AND name = 'latency'"
    assert stack.rows(view, service=mark) == [{"trace_id": measured["trace_id"]}]
    slow = "SELECT trace_id FROM analytics.slow_traces WHERE service = {service:String} AND operation = 'request'"
    assert {row["trace_id"] for row in stack.rows(slow, service=mark)} == {row["trace_id"] for row in routes}


@pytest.mark.parametrize("protocol", ["http/protobuf", "http/json"])
def test_nodes_sdk_with_http(stack: Stack, node: NodeWorkspace, mark: str, protocol: str) -> None:
    run_node(stack, node, mark, protocol)
    check_traces(stack, mark, queries=2)
    assert len(stack.rows(OF_OPERATION, service=mark, operation="client")) == 3
    check_logs(stack, mark)
    check_metrics(stack, mark)


def test_an_export_counts_once_whose_answer_died_with_the_gateway(stack: Stack, mark: str) -> None:
    link = LossyLink(int(urlsplit(stack.gateway_url).port or 0), lambda: stack.kill("gateway"))
    (before,) = stack.rows(DUPLICATES)
    link.lose(1)
    client = start_python(stack, mark, link.url)
    assert link.all_lost.wait(90), client.communicate(timeout=60)
    stack.start("gateway")
    _, said = client.communicate(timeout=120)
    link.close()
    assert client.returncode == 0, said
    check_traces(stack, mark, queries=4)
    check_logs(stack, mark)
    check_metrics(stack, mark)
    (after,) = stack.rows(DUPLICATES)
    assert after["copies"] > before["copies"]
