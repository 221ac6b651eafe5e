"""Segment's and RudderStack's Python clients."""

import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import segment.analytics as segment
from rudderstack.analytics.client import Client as RudderClient  # type: ignore[import-untyped] # it has no types
from tests.clients.lossy_link import LossyLink
from tests.clients.segment_script import DUPLICATES, Script, check, send_by_python
from tests.clients.stack import Stack

pytestmark = [pytest.mark.clients, pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.timeout(300)]

CLIENTS: dict[str, Callable[..., Any]] = {"segment": segment.Client, "rudderstack": RudderClient}


@pytest.fixture
def failures() -> Iterator[list[Any]]:
    """What clients said went wrong."""
    found: list[Any] = []
    yield found
    assert found == []


@pytest.mark.parametrize("name", sorted(CLIENTS))
@pytest.mark.parametrize("gzip", [True, False])
def test_every_call_is_found_once(stack: Stack, mark: str, name: str, gzip: bool, failures: list[Any]) -> None:
    script = Script(mark)
    client = CLIENTS[name](
        stack.write_key, host=stack.gateway_url, gzip=gzip, on_error=lambda error, _: failures.append(error)
    )
    send_by_python(client, script)
    client.shutdown()
    check(stack, script)


@pytest.mark.parametrize("name", sorted(CLIENTS))
def test_a_batch_counts_once_whose_answer_died_with_the_gateway(
    stack: Stack, mark: str, name: str, failures: list[Any]
) -> None:
    script, link = Script(mark), LossyLink(int(urlsplit(stack.gateway_url).port or 0), lambda: stack.kill("gateway"))
    client = CLIENTS[name](
        stack.write_key, host=link.url, upload_interval=5, on_error=lambda error, _: failures.append(error)
    )
    (before,) = stack.rows(DUPLICATES)
    link.lose(1)
    send_by_python(client, script)
    closing = threading.Thread(target=client.flush)
    closing.start()
    assert link.all_lost.wait(60)
    stack.start("gateway")
    closing.join(60)
    client.shutdown()
    link.close()
    assert [answer.split()[1] for answer in link.lost] == [b"200"]
    check(stack, script)
    (after,) = stack.rows(DUPLICATES)
    assert after["copies"] - before["copies"] == 6


def test_what_is_refused_is_told_to_the_application_and_not_sent_again(stack: Stack, mark: str) -> None:
    for name, make in CLIENTS.items():
        told: list[Any] = []
        client = make("wrong-key", host=stack.gateway_url, on_error=lambda error, _, told=told: told.append(error))
        client.track("1", "x", context={"app": {"name": mark}})
        client.shutdown()
        assert [(error.status, error.code) for error in told] == [(401, "unauthorised")], name
