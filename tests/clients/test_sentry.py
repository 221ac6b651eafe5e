"""Sentry's official clients: each sends one of everything, and every one is found once, with the right fields."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page
from tests.clients.node_workspace import NodeWorkspace
from tests.clients.site import Site
from tests.clients.stack import Stack

from tidegate_schemas.identity import derived_event_id

pytestmark = [pytest.mark.clients, pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.timeout(300)]

SCRIPT = Path(__file__).with_name("python") / "sentry_python.py"
CLIENT_SECONDS = 90
LIFECYCLES = pytest.mark.parametrize("lifecycle", ["static", "stream"])
ERRORS = "SELECT * FROM analytics.errors WHERE release = {release:String} ORDER BY name"
SPANS = (
    "SELECT * FROM analytics.spans WHERE release = {release:String} AND operation IN ('request', 'query') "
    "ORDER BY operation"
)
FEEDBACK = "SELECT * FROM analytics.feedback WHERE release = {release:String}"
CHECK_INS = "SELECT * FROM analytics.check_ins WHERE release = {release:String} ORDER BY duration_seconds"
LOGS = "SELECT * FROM analytics.logs WHERE release = {release:String}"
RELEASES = "SELECT * FROM analytics.releases WHERE release = {release:String}"


def errors_are_right(stack: Stack, release: str, inner: str) -> dict[str, Any]:
    """A warning's message and an exception with its cause; gives the exception."""
    raised, message = sorted(stack.arrived(ERRORS, 2, release=release), key=lambda row: str(row["level"]))
    assert (message["name"], message["message"], message["level"]) == ("message", "the queue is nearly full", "warning")
    assert (raised["name"], raised["message"], raised["handled"]) == ("TypeError", "outer failed", True)
    assert [cause["type"] for cause in raised["properties"]["causes"]] == [inner]
    assert raised["properties"]["tags"]["shop"] == "north"
    assert (raised["environment"], bool(raised["user"])) == ("test", True)
    assert json.loads(raised["stack"])[-1]["lineno"] > 0
    assert "jane" not in str(raised).lower()
    return raised


def spans_are_right(stack: Stack, release: str) -> None:
    """A request that failed, and the query in it without its literal."""
    query, request = stack.arrived(SPANS, 2, release=release)
    assert (request["route"], request["method"], request["status_code"]) == ("/agents/{slug}", "GET", 503)
    assert (query["statement"], query["db_system"]) == ("SELECT agents", "sqlite")
    assert (query["trace_id"], query["parent_span_id"]) == (request["trace_id"], request["span_id"])
    assert "secret" not in str(query)


def feedback_is_right(stack: Stack, release: str, error: str) -> None:
    (said,) = stack.arrived(FEEDBACK, 1, release=release)
    assert said["text"] == "I lost my cart"
    assert said["error_id"] == derived_event_id("sentry", "default", error)
    assert bool(said["user"])
    assert "jane" not in str(said).lower()


def check_ins_are_right(stack: Stack, release: str) -> None:
    begun, ended = stack.arrived(CHECK_INS, 2, release=release)
    assert [begun["job_state"], ended["job_state"]] == ["in_progress", "ok"]
    assert (ended["monitor"], ended["duration_seconds"], ended["environment"]) == ("nightly", 2.5, "test")
    assert begun["check_in"] == ended["check_in"] != ""


def log_is_right(stack: Stack, release: str) -> None:
    (record,) = stack.arrived(LOGS, 1, release=release)
    assert record["body"].startswith("took")
    assert (record["level"], record["severity_number"], record["environment"]) == ("warning", 13, "test")
    assert len(record["trace_id"]) == 32
    assert "jane" not in str(record).lower()


@LIFECYCLES
def test_pythons_client_is_found_with_all_it_sends(stack: Stack, mark: str, lifecycle: str) -> None:
    facts = {"dsn": stack.dsn, "release": mark, "lifecycle": lifecycle}
    command = [sys.executable, str(SCRIPT), json.dumps(facts)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=CLIENT_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    raised = errors_are_right(stack, mark, "IndexError")
    assert str(raised["event_id"]) == derived_event_id("sentry", "default", json.loads(done.stdout)["error"])
    spans_are_right(stack, mark)
    log_is_right(stack, mark)
    check_ins_are_right(stack, mark)
    (health,) = stack.arrived(RELEASES, 1, release=mark)
    assert (health["sessions"], health["errored"], health["crashed"], health["users"]) == (4, 1, 0, 1)
    assert (health["environment"], health["crash_free_sessions"]) == ("test", 1.0)


@LIFECYCLES
def test_nodes_client_is_found_with_all_it_sends(stack: Stack, node: NodeWorkspace, mark: str, lifecycle: str) -> None:
    ids = node.run("sentry_node.mjs", dsn=stack.dsn, release=mark, lifecycle=lifecycle)
    raised = errors_are_right(stack, mark, "RangeError")
    assert str(raised["event_id"]) == derived_event_id("sentry", "default", ids["error"])
    spans_are_right(stack, mark)
    log_is_right(stack, mark)
    feedback_is_right(stack, mark, ids["error"])
    check_ins_are_right(stack, mark)
    (health,) = stack.arrived(RELEASES, 1, release=mark)
    assert (health["sessions"], health["crashed"], health["users"]) == (1, 0, 1)


@LIFECYCLES
def test_a_browsers_client_is_found_with_all_it_sends(
    stack: Stack, pages: Site, page: Page, mark: str, lifecycle: str
) -> None:
    page.goto(pages.page("sentry.html", dsn=stack.dsn, release=mark, lifecycle=lifecycle))
    page.wait_for_function("document.title.startsWith('{')", timeout=CLIENT_SECONDS * 1000)
    ids = json.loads(page.title())
    raised = errors_are_right(stack, mark, "RangeError")
    assert str(raised["event_id"]) == derived_event_id("sentry", "default", ids["error"])
    assert raised["user_agent"].startswith("Chrome")
    spans_are_right(stack, mark)
    log_is_right(stack, mark)
    feedback_is_right(stack, mark, ids["error"])
    (health,) = stack.arrived(RELEASES, 1, release=mark)
    assert (health["sessions"], health["crashed"], health["users"]) == (1, 0, 1)
