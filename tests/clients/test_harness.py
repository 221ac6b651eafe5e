"""The harness itself: what every client's test leans on."""

import httpx
import pytest
from tests.clients.node_workspace import NodeWorkspace
from tests.clients.stack import Stack

pytestmark = [pytest.mark.clients, pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.timeout(300)]

EVENTS = "SELECT name FROM analytics.events WHERE service = {service:String}"


def test_an_event_comes_through_a_gateway_that_was_killed_and_started_again(stack: Stack, mark: str) -> None:
    def track(name: str) -> None:
        item = {"event": name, "userId": "1", "writeKey": stack.write_key, "context": {"app": {"name": mark}}}
        assert httpx.post(f"{stack.gateway_url}/v1/track", json=item).status_code == 200

    track("before")
    stack.kill("gateway")
    stack.start("gateway")
    track("after")
    assert {row["name"] for row in stack.arrived(EVENTS, 2, service=mark)} == {"before", "after"}


def test_too_few_and_too_many_rows_are_failures(stack: Stack, mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.clients.stack.ARRIVE_SECONDS", 0.5)
    with pytest.raises(AssertionError, match="not 1 rows"):
        stack.arrived(EVENTS, 1, service=mark)
    monkeypatch.undo()
    with pytest.raises(AssertionError):
        stack.arrived("SELECT number FROM numbers(2)", 1)


def test_node_has_every_locked_client(node: NodeWorkspace) -> None:
    assert node.file("@segment/analytics-node/package.json").stat().st_size > 0
