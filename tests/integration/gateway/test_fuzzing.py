"""A gateway's process under hostile input: answers in time, none of 5xx, refusals named and counted, memory flat."""

from __future__ import annotations

import base64
import gzip
import json
import os
import socket
import sys
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import brotli
import httpx
import orjson
import psutil
import pytest
import schemathesis
from backports import zstd
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from tests.integration.gateway.fuzzed import KEY
from tests.waiting import wait_until

from tidegate_gateway.openapi import description
from tidegate_infra.processes import spawn

#: For an answer; what hangs takes for ever, and a busy machine takes its time.
SECONDS = 60.0
FIRST_BYTES, GROWTH_BYTES = 320 << 20, 96 << 20
"""What the first bombs may take and what later ones may add; all of a round would be 512 MB."""
FUZZED = settings(
    max_examples=100,
    phases=[Phase.generate, Phase.shrink],
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)
schemathesis.serializer.alias("application/x-sentry-envelope", "text/plain")
schemathesis.serializer.alias("application/x-protobuf", "application/octet-stream")
SCHEMA = schemathesis.openapi.from_dict(description("test"))
OPERATIONS = [each.ok() for each in SCHEMA.get_all_operations() if isinstance(each, Ok)]
POSTED = {
    "/v1/track": "application/json",
    "/v1/batch": "application/json",
    "/v1/beacon": "text/plain",
    "/api/1/envelope/": "application/x-sentry-envelope",
    "/api/1/store/": "application/json",
    "/v1/traces": "application/json",
    "/v1/metrics": "application/x-protobuf",
    "/v1/logs": "application/json",
}


class Gateway:
    """A gateway's process."""

    def __init__(self, home: Path, how: str) -> None:
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        argv = [sys.executable, "-m", "tests.integration.gateway.fuzzed", str(self.port), *([how] if how else [])]
        with (home / "gateway.log").open("ab") as log:
            self.process = spawn(argv, log, {**os.environ, "PYTHONPATH": "."})
        headers = {"x-tidegate-key": KEY, "x-sentry-auth": f"Sentry sentry_key={KEY}, sentry_version=7"}
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=SECONDS, headers=headers)
        wait_until(self.answers, 60, "a gateway that answers")

    def answers(self) -> bool:
        try:
            return self.http.get("/healthz").status_code == 200
        except httpx.HTTPError:
            return False

    def post(self, path: str, body: bytes, **headers: str) -> httpx.Response:
        basic = {"authorization": f"Basic {_basic()}"} if path.startswith("/v1/") else {}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post(path, content=body, headers={"content-type": POSTED[path], **basic, **named})

    def refusals(self) -> float:
        lines = self.http.get("/metrics").text.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("tidegate_gateway_refused_total"))

    def raw(self, sent: bytes) -> bytes:
        """All that comes back for these bytes, and the end of what is sent."""
        with socket.create_connection(("127.0.0.1", self.port), SECONDS) as opened:
            opened.sendall(sent)
            opened.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := opened.recv(65_536):
                answer += piece
        return answer

    @property
    def memory_bytes(self) -> int:
        return int(psutil.Process(self.process.pid).memory_info().rss)


def _basic() -> str:
    return base64.b64encode(f"{KEY}:".encode()).decode()


@contextmanager
def running(home: Path, how: str = "") -> Iterator[Gateway]:
    gateway = Gateway(home, how)
    try:
        yield gateway
        gateway.http.close()
    finally:
        gateway.process.terminate()
        gateway.process.wait(SECONDS)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running(tmp_path_factory.mktemp("gateway")) as started:
        yield started


def check(answer: httpx.Response) -> None:
    """Taken, or refused for a reason that is said."""
    assert answer.status_code < 500, (answer.request.method, answer.request.url.path, answer.text[:200])
    if answer.status_code >= 400 and answer.request.url.path.startswith(("/v1/", "/api/")):
        assert len(answer.content) > 20


ODD_HEADERS = st.sampled_from(["origin", "content-type", "content-encoding", "dnt"])
ODD_VALUES = st.sampled_from(
    ["null", "https://evil.example", "file://", "", "ü", "application/json;charset=utf-99", "*/*", "gzip", "br"]
)


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """What the description allows, and other headers."""
    case = draw(st.sampled_from(OPERATIONS).flatmap(lambda operation: operation.as_strategy()))
    sent = case.as_transport_kwargs(base_url="http://gateway")
    odd = st.sampled_from(
        ["null", "https://evil.example", "file://", "", "ü", "application/json;charset=utf-99", "*/*"]
    )
    headers = draw(
        st.dictionaries(st.sampled_from(["origin", "content-type", "content-encoding", "dnt"]), odd, max_size=2)
    )
    if draw(st.booleans()):
        headers["authorization"] = f"Basic {_basic()}"
    return {**sent, "headers": {**dict(sent.get("headers") or {}), **headers}}


def send(gateway: Gateway, sent: dict[str, Any]) -> None:
    """Send what schemathesis made by our own client."""
    headers = {name: str(value).encode("utf-8", "replace") for name, value in sent["headers"].items()}
    body: Any = sent.get("data")
    if "json" in sent:
        body, headers = json.dumps(sent["json"], default=str).encode(), {"content-type": b"application/json", **headers}
    if isinstance(body, str):
        body = body.encode("utf-8", "replace")
    if not isinstance(body, bytes | None):
        body = str(body).encode("utf-8", "replace")
    path = sent["url"].removeprefix("http://gateway").encode("utf-8", "replace").decode()
    try:
        request = gateway.http.build_request(
            sent["method"], path, params=sent.get("params"), headers=list(headers.items()), content=body
        )
    except (httpx.InvalidURL, UnicodeError, ValueError):
        return  # what no client would send
    try:
        check(gateway.http.send(request))
    except httpx.LocalProtocolError:
        return  # same


def fuzz(gateway: Gateway) -> None:
    @FUZZED
    @given(sent=requests())
    def every_request_is_answered(sent: dict[str, Any]) -> None:
        send(gateway, sent)

    every_request_is_answered()


def test_whatever_its_description_allows_is_answered_and_never_with_5xx(gateway: Gateway) -> None:
    before = gateway.refusals()
    fuzz(gateway)
    assert gateway.answers()
    assert gateway.refusals() > before


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["properties", "traits", "context", "event", "userId", "messageId", "timestamp", "name"])
CALLS = st.lists(st.dictionaries(NAMES, JSON, max_size=4), min_size=1, max_size=3)


def fuzz_calls(gateway: Gateway, how: settings = FUZZED) -> None:
    @how
    @given(calls=CALLS, kind=st.sampled_from(["track", "page", "identify", "group"]))
    def every_batch_is_answered(calls: list[dict[str, Any]], kind: str) -> None:
        items = [{"type": kind, "userId": "1", "event": "x", **call} for call in calls]
        body = json.dumps({"batch": items}).encode()
        check(gateway.post("/v1/batch", body))

    every_batch_is_answered()


def test_members_of_any_type_are_refused_by_name(gateway: Gateway) -> None:
    fuzz_calls(gateway)


def test_a_gateway_with_a_fault_is_found_out(tmp_path: Path) -> None:
    """The control: one that believes what is sent answers 500 to some of the same."""
    with running(tmp_path, "broken") as broken, pytest.raises(AssertionError, match="/v1/batch"):
        fuzz_calls(broken, settings(FUZZED, phases=[Phase.generate]))


MEGABYTES = 24
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, 6),
    "deflate": lambda data: zlib.compress(data, 6),
    "br": lambda data: brotli.compress(data, quality=5),
    "zstd": zstd.compress,
}


@pytest.fixture(scope="module")
def bombs() -> dict[str, bytes]:
    """24 MB of blanks in some kilobytes, which are valid JSON as far as they go."""
    return {name: pack(b" " * (MEGABYTES << 20)) for name, pack in PACKED.items()}


def test_bombs_in_every_packing_on_every_path_leave_memory_flat(gateway: Gateway, bombs: dict[str, bytes]) -> None:
    before = gateway.memory_bytes
    blow_up(gateway, bombs)
    first = gateway.memory_bytes
    blow_up(gateway, bombs)
    blow_up(gateway, bombs)
    grown = first - before, gateway.memory_bytes - first
    assert grown < (FIRST_BYTES, 0) and grown[1] < GROWTH_BYTES, grown
    assert gateway.answers()


def blow_up(gateway: Gateway, bombs: dict[str, bytes]) -> None:
    """All bombs on all paths, eight at a time."""
    tries = [(path, name) for path in POSTED for name in bombs]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda each: gateway.post(each[0], bombs[each[1]], content_encoding=each[1]), tries))
    # 503: so many at once may find no room, and are to come again.
    assert {answer.status_code for answer in answers} <= {413, 503}
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 503)
    assert gateway.post("/v1/batch", bombs["gzip"], content_encoding="gzip").status_code == 413


DEEP = {"arrays": b"[" * 100_000, "objects": b'{"a":' * 100_000, "closed": b"[" * 50_000 + b"]" * 50_000}


@pytest.mark.parametrize("path", [path for path, kind in POSTED.items() if "protobuf" not in kind])
def test_json_without_bottom_is_refused(path: str, gateway: Gateway) -> None:
    for deep in DEEP.values():
        for body in (deep, b'{"batch":' + deep + b"}", b'{}\n{"type":"event"}\n' + deep):
            answer = gateway.post(path, body)
            check(answer)
            assert answer.status_code >= 400 or path == "/api/1/envelope/"


def test_more_items_than_a_request_may_have_are_refused(gateway: Gateway) -> None:
    empty = b"\x0a\x02\x12\x00" * 300_000  # as many resources with an empty scope each
    assert gateway.post("/v1/traces", empty, content_type="application/x-protobuf").status_code == 413
    calls = orjson.dumps({"batch": [{}] * 20_001})
    assert gateway.post("/v1/batch", calls).status_code == 413
    assert gateway.post("/v1/logs", orjson.dumps({"resourceLogs": [{}] * 300_001})).status_code == 413
    assert gateway.post("/api/1/envelope/", b"{}\n" + b'{"type":"x"}\n\n' * 1_001).status_code == 413
    beacon = {"writeKey": KEY, "producerId": "0" * 32, "events": [{}] * 100_000}
    check(gateway.post("/v1/beacon", orjson.dumps(beacon)))


HEAD = b"POST /v1/batch HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n"
WRONG = {
    "longer than it is": b"Content-Length: 100\r\n\r\n{}",
    "shorter than it is": b"Content-Length: 1\r\n\r\n{}",
    "negative": b"Content-Length: -1\r\n\r\n{}",
    "no number": b"Content-Length: many\r\n\r\n{}",
    "two of them": b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "with pieces too": b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "a piece of no size": b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n",
    "a piece of all sizes": b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}",
    "larger than may be": b"Content-Length: 99999999999999999999\r\n\r\n{}",
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_length_is_refused_or_cut_off(what: str, gateway: Gateway) -> None:
    answer = gateway.raw(HEAD + WRONG[what])
    assert not answer.startswith(b"HTTP/1.1 5")
    assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 200"))
    assert gateway.answers()


@settings(FUZZED, max_examples=60)
@given(noise=st.binary(max_size=300))
def test_bytes_that_are_no_http_end_the_connection_and_nothing_else(noise: bytes, gateway: Gateway) -> None:
    assert not gateway.raw(noise).startswith(b"HTTP/1.1 5")


def test_every_path_is_in_the_description(gateway: Gateway) -> None:
    described = gateway.http.get("/openapi.json").json()
    assert described["openapi"].startswith("3.")
    missing = [path for path in POSTED if path.replace("/1/", "/{number}/") not in described["paths"]]
    assert missing == []
