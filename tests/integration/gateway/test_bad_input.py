"""Bad input at the edge: a clear error that names the field, counted, the good items go on, and never a 5xx."""

import gzip
import math
import zlib
from collections.abc import Iterator
from typing import Any

import brotli
import httpx
import pytest
from backports import zstd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nacl.public import PrivateKey, SealedBox
from starlette.testclient import TestClient

from tidegate.publish import MemoryPublisher
from tidegate_gateway.app import create_app
from tidegate_gateway.settings import GatewaySettings, Project
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import dead_letter_schema, outcome_schema
from tidegate_schemas.topics import DEAD_LETTERS, OUTCOMES

KEY = "public-write-key"
PRIVATE = PrivateKey.generate()
ITEM = {"type": "track", "event": "x", "userId": "1"}


class Edge:
    """A gateway's application, and what it published."""

    def __init__(self) -> None:
        self.publisher = MemoryPublisher()
        projects = (Project(1, "default", KEY),)
        key = bytes(PRIVATE.public_key)
        gateway = GatewaySettings(
            "127.0.0.1", 0, "nowhere:1", projects, key, max_wire_bytes=100_000, max_inflated_bytes=300_000
        )
        self.http = TestClient(create_app(gateway, self.publisher), raise_server_exceptions=False)

    def records(self, topic: str, codec: RowCodec) -> list[dict[str, Any]]:
        return [codec.decode(value) for _, value in self.publisher.records.get(topic, [])]

    def dead_letters(self) -> list[dict[str, Any]]:
        return self.records(DEAD_LETTERS, RowCodec(dead_letter_schema()))

    def outcomes(self) -> list[dict[str, Any]]:
        return self.records(OUTCOMES, RowCodec(outcome_schema()))

    def batch(self, *items: Any, **more: Any) -> httpx.Response:
        answer: httpx.Response = self.http.post("/v1/batch", json={"writeKey": KEY, "batch": list(items), **more})
        return answer


@pytest.fixture
def edge() -> Iterator[Edge]:
    yield Edge()


def problem(answer: httpx.Response) -> tuple[int, str, str]:
    error = answer.json()["error"]
    assert error["message"]
    return answer.status_code, error["reason"], error["field"]


def test_bad_items_are_named_and_dead_lettered_while_good_ones_go_on(edge: Edge) -> None:
    answer = edge.batch(
        ITEM, {"type": "nope", "userId": "1"}, {"type": "track", "userId": "1"}, {"type": "track", "event": "x"}, 7
    )
    assert answer.status_code == 200
    rejected = [(each["index"], each["reason"], each["field"]) for each in answer.json()["rejected"]]
    assert rejected == [
        (1, "unknown_kind", "type"),
        (2, "missing_field", "event"),
        (3, "missing_field", "userId"),
        (4, "invalid_field", "batch[4]"),
    ]
    assert answer.json()["accepted"] == 1
    assert len(edge.dead_letters()) == 4
    assert sum(outcome["quantity"] for outcome in edge.outcomes()) == 4


def test_a_dead_letter_opens_with_the_private_key_only(edge: Edge) -> None:
    edge.batch({"type": "track", "userId": "jane@example.org"})
    (letter,) = edge.dead_letters()
    assert b"jane" not in b"".join(value for _, value in edge.publisher.records[DEAD_LETTERS])
    assert b"jane@example.org" in SealedBox(PRIVATE).decrypt(letter["payload"])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", (400, "malformed_json", "body")),
        (b"[1]", (400, "malformed_json", "body")),
        (b"[" * 100_000, (400, "malformed_json", "body")),
        (b'{"writeKey":"public-write-key"}', (400, "missing_field", "batch")),
        (b'{"writeKey":"wrong","batch":[]}', (401, "unauthorised", "writeKey")),
        (b'{"batch":[]}', (401, "unauthorised", "writeKey")),
        (b'{"writeKey":"public-write-key","batch":[],"sentAt":"never"}', (400, "invalid_field", "sentAt")),
        (b" " * 100_001, (413, "oversize", "body")),
    ],
)
def test_a_bad_batch_is_answered_with_reason_and_field(edge: Edge, body: bytes, expected: tuple[int, str, str]) -> None:
    assert problem(edge.http.post("/v1/batch", content=body)) == expected


BOMB = b"0" * 50_000_000
BOMBS = {
    "gzip": gzip.compress(BOMB),
    "deflate": zlib.compress(BOMB),
    "zstd": zstd.compress(BOMB),
    "br": brotli.compress(BOMB, quality=1),
}


@pytest.mark.parametrize("path", ["/v1/batch", f"/api/1/envelope/?sentry_key={KEY}", "/v1/traces"])
@pytest.mark.parametrize("encoding", sorted(BOMBS))
def test_a_bomb_in_any_encoding_stops_at_the_cap(edge: Edge, path: str, encoding: str) -> None:
    headers = {"content-encoding": encoding, "x-tidegate-key": KEY}
    assert len(BOMBS[encoding]) < 100_000
    assert edge.http.post(path, content=BOMBS[encoding], headers=headers).status_code == 413


@pytest.mark.parametrize("encoding", sorted(BOMBS))
def test_a_stream_cut_short_is_malformed(edge: Edge, encoding: str) -> None:
    body = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstd.compress, "br": brotli.compress}[encoding](
        b"x" * 9_000
    )
    answer = edge.http.post("/v1/batch", content=body[:-3], headers={"content-encoding": encoding})
    assert problem(answer)[:2] == (400, "malformed_envelope")


def test_sentry_is_told_403_for_a_wrong_key_and_400_for_a_broken_envelope(edge: Edge) -> None:
    assert edge.http.post("/api/1/envelope/?sentry_key=wrong", content=b"{}\n").status_code == 403
    assert edge.http.post(f"/api/2/envelope/?sentry_key={KEY}", content=b"{}\n").status_code == 403
    body = b'{}\n{"type":"event","length":99}\n{}\n'
    assert problem(edge.http.post(f"/api/1/envelope/?sentry_key={KEY}", content=body)) == (
        400,
        "malformed_envelope",
        "length of item 0",
    )


def test_items_that_have_no_place_are_counted_not_swallowed(edge: Edge) -> None:
    body = b'{}\n{"type":"replay_event"}\n{}\n{"type":"attachment","length":3}\nabc\n'
    answer = edge.http.post(f"/api/1/envelope/?sentry_key={KEY}", content=body)
    assert answer.json()["unsupported"] == {"sentry.replay_event": 1, "sentry.attachment": 1}
    assert [(each["kind"], each["outcome"], each["reason"], each["quantity"]) for each in edge.outcomes()] == [
        ("sentry.replay_event", "dropped", "unsupported_item", 1),
        ("sentry.attachment", "dropped", "unsupported_item", 1),
    ]


def test_otlp_says_what_it_rejected_in_partial_success(edge: Edge) -> None:
    span = {"traceId": "22" * 16, "spanId": "11" * 8, "name": "x", "startTimeUnixNano": "5", "endTimeUnixNano": "4"}
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    answer = edge.http.post("/v1/traces", json=body, headers={"x-tidegate-key": KEY})
    assert answer.status_code == 200
    assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"
    assert "endTimeUnixNano" in answer.json()["partialSuccess"]["errorMessage"]


def test_an_unknown_path_is_named(edge: Edge) -> None:
    assert problem(edge.http.post("/v2/batch")) == (404, "unknown_kind", "path")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(
    ["type", "event", "userId", "anonymousId", "timestamp", "context", "properties", "traits", "messageId", "sentAt"]
)
WORDS = st.sampled_from(["track", "identify", "alias", "2026-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
FUZZED = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@FUZZED
@given(items=st.lists(st.dictionaries(NAMES, JSON | WORDS, max_size=8) | JSON, max_size=4), sent_at=JSON | WORDS)
def test_no_segment_json_makes_the_gateway_fail(items: list[Any], sent_at: Any) -> None:
    answer = Edge().batch(*_finite(items), sentAt=_finite(sent_at))
    assert answer.status_code < 500


@FUZZED
@given(payload=JSON, kind=st.sampled_from(["event", "transaction", "client_report", "session"]))
def test_no_sentry_item_makes_the_gateway_fail(payload: Any, kind: str) -> None:
    import orjson  # noqa: PLC0415 - only here

    item = payload if isinstance(payload, dict) else {"exception": payload, "spans": payload, "user": payload}
    body = b'{}\n{"type":"%s"}\n' % kind.encode() + orjson.dumps(_finite(item)) + b"\n"
    assert Edge().http.post(f"/api/1/envelope/?sentry_key={KEY}", content=body).status_code < 500


@FUZZED
@given(
    body=st.binary(max_size=200), path=st.sampled_from(["/v1/traces", "/v1/metrics", "/v1/logs"]), json=st.booleans()
)
def test_no_bytes_make_otlp_fail(body: bytes, path: str, json: bool) -> None:
    kind = "application/json" if json else "application/x-protobuf"
    answer = Edge().http.post(path, content=body, headers={"x-tidegate-key": KEY, "content-type": kind})
    assert answer.status_code < 500


def _finite(value: Any) -> Any:
    """What JSON can hold."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return max(-(2**63), min(2**63 - 1, value))
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_finite(each) for each in value]
    if isinstance(value, dict):
        return {_finite(key): _finite(each) for key, each in value.items()}
    return value
