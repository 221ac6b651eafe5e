"""A client whose key sends too fast: it is told to wait, waits, and nothing is lost."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.clients.node_workspace import NodeWorkspace
from tests.clients.segment_script import Script, check, send_by_python
from tests.clients.stack import Stack
from tests.clients.test_segment_python import CLIENTS

from tidegate_infra.addresses import ClickHouseAddress

pytestmark = [pytest.mark.clients, pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.timeout(300)]


@pytest.fixture
def slow(stack: Stack, clickhouse: ClickHouseAddress, tmp_path: Path) -> Iterator[Stack]:
    """Another gateway in front of the same stack, which takes two events at once and two a second."""
    rate = {"rate_limit_events_per_second": 2.0, "rate_limit_burst_events": 2}
    other = Stack(tmp_path / "home", str(stack.settings.brokers), clickhouse, write_key=stack.write_key, **rate)
    try:
        other.start("gateway")
        yield other
    finally:
        other.stop()


def told_to_wait(gateway: Stack) -> int:
    metrics = httpx.get(f"{gateway.gateway_url}/metrics").text
    found = re.search(r'tidegate_gateway_requests_total\{protocol="segment",status="429"\} (\S+)', metrics)
    return int(float(found[1])) if found else 0


@pytest.mark.parametrize("name", sorted(CLIENTS))
def test_a_python_client_over_its_rate_delivers_everything_in_the_end(
    stack: Stack, slow: Stack, mark: str, name: str
) -> None:
    script = Script(mark)
    client = CLIENTS[name](slow.write_key, host=slow.gateway_url, upload_size=2)
    send_by_python(client, script)
    client.flush()
    client.shutdown()
    assert told_to_wait(slow) > 0
    check(stack, script)


def test_a_node_client_over_its_rate_delivers_everything_in_the_end(
    stack: Stack, slow: Stack, node: NodeWorkspace, mark: str
) -> None:
    script = Script(mark)
    assert node.run("segment_node.mjs", url=slow.gateway_url, key=slow.write_key, batch=2, **script.facts) == []
    assert told_to_wait(slow) > 0
    check(stack, script)
