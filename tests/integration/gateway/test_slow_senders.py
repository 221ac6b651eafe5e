"""Senders that take their time, at a gateway that really listens: they are ended, and others notice nothing."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
import uvicorn
from nacl.public import PrivateKey
from tests.waiting import comes_true, wait_until

from tidegate.publish import MemoryPublisher
from tidegate_gateway.app import create_app
from tidegate_gateway.connections import ConnectionLimits
from tidegate_gateway.serve import server_config
from tidegate_gateway.settings import GatewaySettings, Project

KEY = "public-write-key"
SECONDS = 20.0
LIMITS = ConnectionLimits(
    connections=60,
    connections_per_address=50,
    head_bytes=16_384,
    head_seconds=0.5,
    body_patience_seconds=0.5,
    body_bytes_per_second=1_000,
    body_seconds=3,
    idle_seconds=1,
)
HEAD = b"POST /v1/batch HTTP/1.1\r\nHost: gateway\r\n"
ELSEWHERE = "127.0.0.2"


@contextmanager
def served(limits: ConnectionLimits | None) -> Iterator[int]:
    """A gateway's port; without limits it is served as uvicorn does by itself."""
    key = bytes(PrivateKey.generate().public_key)
    chosen = limits or LIMITS
    settings = GatewaySettings("127.0.0.1", 0, "nowhere:1", (Project(1, "default", KEY),), key, connections=chosen)
    app = create_app(settings, MemoryPublisher())
    server = uvicorn.Server(server_config(settings, app) if limits else uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started, SECONDS, "a server")
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(SECONDS)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with served(LIMITS) as port:
        yield port


def connected(port: int, sent: bytes, address: str = ELSEWHERE) -> socket.socket:
    opened = socket.create_connection(("127.0.0.1", port), SECONDS, source_address=(address, 0))
    opened.sendall(sent)
    return opened


def said(opened: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    data = b""
    try:
        while piece := opened.recv(65_536):
            data += piece
    except ConnectionResetError:
        pass
    return data


def metric(port: int, line: str) -> float:
    lines = httpx.get(f"http://127.0.0.1:{port}/metrics").text.splitlines()
    return next((float(each.rsplit(" ", 1)[1]) for each in lines if each.startswith(line + " ")), 0.0)


def sends_well(port: int) -> bool:
    batch = {"batch": [{"type": "track", "event": "x", "userId": "1"}]}
    return httpx.post(f"http://127.0.0.1:{port}/v1/batch", json=batch, auth=(KEY, ""), timeout=2).status_code == 200


HANGING = {
    "nothing at all": b"",
    "half a head": HEAD + b"X-Slow: ",
    "half a body": HEAD + b"Content-Length: 1000\r\n\r\n{",
    "a body in endless pieces": HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
}


@pytest.mark.parametrize("what", HANGING)
def test_who_sends_too_slowly_is_told_and_ended(what: str, port: int) -> None:
    with connected(port, HANGING[what]) as slow:
        answer = said(slow)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"too" in answer


def test_a_body_that_keeps_up_may_take_longer_than_one_that_does_not(port: int) -> None:
    with connected(port, HEAD + b"Content-Length: 3000\r\n\r\n") as steady:
        for _ in range(10):  # 3,000 bytes a second, for twice the patience
            steady.sendall(b" " * 300)
            threading.Event().wait(0.1)
        steady.settimeout(SECONDS)
        assert steady.recv(100).startswith(b"HTTP/1.1 400 ")


def test_a_head_without_end_is_refused_by_its_size(port: int) -> None:
    with connected(port, HEAD + b"X-Large: " + b"x" * 20_000) as large:
        assert said(large).startswith(b"HTTP/1.1 431 ")
    assert metric(port, 'tidegate_gateway_connections_closed_total{reason="large_head"}') >= 1


def test_a_slow_reader_is_cut_off() -> None:
    """It asks for much, and takes none of it."""
    with served(ConnectionLimits(answer_seconds=0.5)) as port:
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_024)
        slow.connect(("127.0.0.1", port))
        slow.sendall(b"GET /metrics HTTP/1.1\r\nHost: gateway\r\n\r\n" * 2_000)
        reason = 'tidegate_gateway_connections_closed_total{reason="slow_answer"}'
        wait_until(lambda: metric(port, reason) >= 1, SECONDS, "it is still connected")
        slow.close()


def slow_ones(port: int, held: ExitStack) -> list[socket.socket]:
    return [held.enter_context(connected(port, HANGING["half a head"])) for _ in range(40)]


def ended(opened: socket.socket) -> Callable[[], bool]:
    opened.settimeout(0.05)

    def look() -> bool:
        try:
            return opened.recv(1) != b"" or True
        except TimeoutError:
            return False

    return look


def test_many_slow_senders_take_nothing_from_others(port: int) -> None:
    with ExitStack() as held:
        slow = slow_ones(port, held)
        began = time.monotonic()
        assert all(sends_well(port) for _ in range(10))
        for each in slow:
            wait_until(ended(each), SECONDS, "a slow sender is still connected")
        assert time.monotonic() - began < SECONDS
        assert sends_well(port)


def test_without_limits_the_slow_ones_stay() -> None:
    """The control: the server by itself waits for ever."""
    with served(None) as port, ExitStack() as held:
        slow = slow_ones(port, held)
        assert not comes_true(ended(slow[0]), 2 * (LIMITS.head_seconds + 1))


def test_one_address_has_so_many_connections_and_no_more(port: int) -> None:
    with ExitStack() as held:
        wait_until(lambda: metric(port, "tidegate_gateway_connections") < 5, SECONDS, "others are still there")
        for _ in range(LIMITS.connections_per_address):
            held.enter_context(connected(port, b""))
        one_more = held.enter_context(connected(port, b""))
        assert said(one_more).startswith(b"HTTP/1.1 503 ")
        assert sends_well(port)  # from another address


def test_where_all_places_are_taken_who_waits_longest_makes_room(port: int) -> None:
    with ExitStack() as held:
        wait_until(lambda: metric(port, "tidegate_gateway_connections") < 5, SECONDS, "others are still there")
        for number in range(LIMITS.connections):
            held.enter_context(connected(port, b"", f"127.0.0.{3 + number % 2}"))
        assert sends_well(port)
