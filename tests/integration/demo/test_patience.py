"""The demo's clients against a gateway that refuses, resets, is overloaded, or dies before it answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import sentry_sdk
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from segment.analytics import Client

from tidegate_demo.marketplace.acknowledged import Acknowledged
from tidegate_demo.marketplace.patience import PatientMetrics, PatientSpans, acknowledging, patient_transport, pauses

PATIENCE_SECONDS = 30.0
TROUBLE = (503, 429, "no answer", 503)
WAIT_SECONDS = 40.0


class Gateway:
    """A server that answers the next requests as it is told to, then 200; it may also be away."""

    def __init__(self, port: int, troubles: tuple[int | str, ...]) -> None:
        self.bodies: list[bytes] = []
        self._troubles, gateway = list(troubles), self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                gateway.bodies.append(self.rfile.read(int(self.headers["content-length"])))
                trouble = gateway._troubles.pop(0) if gateway._troubles else 200
                if isinstance(trouble, int):
                    self.send_response(trouble)
                    self.send_header("content-length", "2")
                    self.end_headers()
                    self.wfile.write(b"{}")
                else:  # as when it is killed after it has taken the request
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                    self.connection.close()

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


Starter = Callable[[int, tuple[int | str, ...]], Gateway]


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def start() -> Iterator[Starter]:
    started: list[Gateway] = []

    def begin(port: int, troubles: tuple[int | str, ...]) -> Gateway:
        started.append(Gateway(port, troubles))
        return started[-1]

    yield begin
    for gateway in started:
        gateway.close()


def waited(send: Callable[[], object]) -> None:
    """Run what blocks until it has been sent; a gateway that is away comes meanwhile."""
    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    sender.join(WAIT_SECONDS)
    assert not sender.is_alive()


def away_first(
    port: int, start: Starter, send: Callable[[], object], troubles: tuple[int | str, ...] = TROUBLE
) -> Gateway:
    """Nobody listens when `send` begins; then one is overloaded, dies while it answers, and at last does its work."""
    found: list[Gateway] = []
    opener = threading.Timer(0.6, lambda: found.append(start(port, troubles)))
    opener.start()
    waited(send)
    opener.join()
    return found[0]


def test_sentrys_client_sends_the_same_bytes_until_they_are_taken(port: int, start: Starter) -> None:
    acknowledged = Acknowledged(keep=True)
    transport = patient_transport(acknowledged, PATIENCE_SECONDS)
    client = sentry_sdk.Client(f"http://key@127.0.0.1:{port}/1", transport=transport, send_client_reports=False)
    event_id = client.capture_event({"message": "it broke"})
    gateway = away_first(port, start, lambda: client.flush(WAIT_SECONDS))
    client.close()
    assert len(gateway.bodies) == len(TROUBLE) + 1
    assert len(set(gateway.bodies)) == 1
    assert acknowledged.since(0)[1] == [("error", event_id)]


def test_control_sentrys_own_transport_drops_what_the_network_refused(port: int, start: Starter) -> None:
    client = sentry_sdk.Client(f"http://key@127.0.0.1:{port}/1", send_client_reports=False)
    client.capture_event({"message": "it broke"})
    waited(lambda: client.flush(WAIT_SECONDS))
    gateway = start(port, ())
    client.capture_event({"message": "another"})
    waited(lambda: client.flush(WAIT_SECONDS))
    client.close()
    assert len(gateway.bodies) == 1


def test_spans_are_exported_until_they_are_taken(port: int, start: Starter) -> None:
    acknowledged = Acknowledged(keep=True)
    inner = OTLPSpanExporter(endpoint=f"http://127.0.0.1:{port}/v1/traces", timeout=1)
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(PatientSpans(inner, acknowledged, PATIENCE_SECONDS)))
    span = provider.get_tracer("test").start_span("work")
    gateway = away_first(port, start, span.end)
    provider.shutdown()
    context = span.get_span_context()
    assert len(set(gateway.bodies)) == 1
    assert acknowledged.since(0)[1] == [("span", f"{context.trace_id:032x}:{context.span_id:016x}")]


def test_points_are_exported_until_they_are_taken(port: int, start: Starter) -> None:
    acknowledged = Acknowledged(keep=True)
    inner = OTLPMetricExporter(endpoint=f"http://127.0.0.1:{port}/v1/metrics", timeout=1)
    exporter = PatientMetrics(inner, acknowledged, PATIENCE_SECONDS)
    provider = MeterProvider([PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)])
    provider.get_meter("test").create_counter("made").add(1)
    gateway = away_first(port, start, provider.force_flush)
    assert len(set(gateway.bodies)) == 1
    assert [kind for kind, _ in acknowledged.since(0)[1]] == ["metric"]
    provider.shutdown()


def test_segments_client_is_patient_itself(port: int, start: Starter) -> None:
    acknowledged = Acknowledged(keep=True)
    client = acknowledging(Client("key", host=f"http://127.0.0.1:{port}", upload_interval=0.05), acknowledged)
    _, message = client.track(event="e", anonymous_id="a")
    away_first(port, start, client.flush, ("no answer",))
    client.join()
    assert acknowledged.since(0)[1] == [("track", message["messageId"])]


def test_what_was_read_is_forgotten_and_nothing_is_kept_for_nobody() -> None:
    kept, unread = Acknowledged(keep=True), Acknowledged(keep=False)
    for each in (kept, unread):
        each.add("track", ["a", "b"])
    assert kept.since(0, most=1) == (1, [("track", "a")])
    kept.add("track", ["c"])
    assert kept.since(1) == (3, [("track", "b"), ("track", "c")])
    assert kept.since(3) == (3, [])
    assert unread.since(0) == (0, [])


def test_pauses_double_and_end_with_patience() -> None:
    now = iter([0.0, 0.0, 1.0, 2.0, 3.0, 9.0, 10.0])
    assert list(pauses(10.0, lambda: next(now))) == [0.25, 0.5, 1.0, 2.0, 2.0]
