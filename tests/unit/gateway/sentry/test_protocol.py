"""Sentry's wire: framing, keys, encodings, origins, and what a client is answered."""

from __future__ import annotations

import base64
import gzip
import zlib
from typing import Any

import brotli
import pytest
import sentry_sdk.transport
from backports import zstd
from tests.unit.gateway.sentry.edge import AUTH, ID, KEY, PATH, Edge, envelope

from tidegate_gateway.errors import RefusedError
from tidegate_gateway.limits import Rate
from tidegate_gateway.sentry.answers import RateLimit, rate_limits_header
from tidegate_gateway.sentry.auth import key_of
from tidegate_gateway.sentry.envelope import MAX_ITEMS, parse_envelope

EVENT = ({"type": "event"}, {"message": "x"})


@pytest.fixture
def edge() -> Edge:
    return Edge()


@pytest.mark.parametrize(
    ("body", "payloads"),
    [
        (b"{}", []),
        (b"{}\n", []),
        (b'{}\n{"type":"a","length":3}\nabc', [b"abc"]),
        (b'{}\n{"type":"a","length":3}\nabc\n', [b"abc"]),
        (b'{}\n{"type":"a","length":3}\na\nc\n\n\n', [b"a\nc"]),
        (b'{}\n{"type":"a"}\nabc\n{"type":"b"}\ndef', [b"abc", b"def"]),
        (b'{}\n{"type":"a","length":0}\n\n{"type":"b"}\ndef\n', [b"", b"def"]),
        (b'{}\n\n{"type":"a","length":null}\nabc\n', [b"abc"]),
        (b'{}\n{"type":"a"}', [b""]),
    ],
)
def test_an_envelope_is_read_with_lengths_and_without(body: bytes, payloads: list[bytes]) -> None:
    assert [item.payload for item in parse_envelope(body).items] == payloads


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "malformed_json"),
        (b"[]\n", "malformed_json"),
        (b'{}\n{"type":"a","length":4}\nabc', "malformed_envelope"),
        (b'{}\n{"type":"a","length":2}\nabc\n', "malformed_envelope"),
        (b'{}\n{"type":"a","length":-1}\nabc\n', "malformed_envelope"),
        (b'{}\n{"type":"a","length":true}\nabc\n', "malformed_envelope"),
        (b'{}\n{"type":"a","length":"3"}\nabc\n', "malformed_envelope"),
        (b'{}\n{"type":"a","length":1e99}\nabc\n', "malformed_envelope"),
        (b"{}\nnonsense\nabc\n", "malformed_json"),
        (b'{}\n{"x":"' + b"a" * 70_000 + b'"}\n\n', "oversize"),
        (b"{}\n" + b'{"type":"a"}\n\n' * (MAX_ITEMS + 1), "oversize"),
    ],
)
def test_a_broken_envelope_is_refused_with_a_reason(body: bytes, reason: str) -> None:
    with pytest.raises(RefusedError) as refused:
        parse_envelope(body)
    assert refused.value.problem.reason.value == reason


@pytest.mark.parametrize(
    "headers",
    [
        AUTH,
        {"X-Sentry-Auth": f"sentry sentry_version=7,sentry_key={KEY}"},
        {"X-Sentry-Auth": f"sentry_key={KEY}"},
        {"Authorization": f"Sentry sentry_key={KEY}"},
    ],
)
def test_the_key_is_found_in_either_header(edge: Edge, headers: dict[str, str]) -> None:
    assert edge.http.post(PATH, content=envelope(EVENT, event_id=ID), headers=headers).status_code == 200


def test_the_key_is_found_in_the_query_and_in_the_envelope(edge: Edge) -> None:
    assert edge.http.post(f"{PATH}?sentry_key={KEY}&sentry_version=7", content=envelope(EVENT)).status_code == 200
    dsn = f"http://{KEY}@gateway.example:8443/1"
    assert edge.http.post(PATH, content=envelope(EVENT, dsn=dsn)).status_code == 200
    assert key_of(f"http://{KEY}:legacy-secret@gateway.example/1") == KEY


@pytest.mark.parametrize(
    "path", [PATH, "/api/2/envelope/", "/api/1/store/", "/api/1/cron/nightly/", "/api/1/security/"]
)
def test_without_the_paths_own_key_the_answer_is_403_and_nothing_is_taken(edge: Edge, path: str) -> None:
    key = KEY if path.startswith("/api/2/") else "wrong"
    answer = edge.http.post(f"{path}?sentry_key={key}", content=envelope(EVENT))
    assert (answer.status_code, answer.json()["error"]["reason"]) in {(403, "unauthorised"), (400, "malformed_json")}
    assert edge.publisher.records == {}


@pytest.mark.parametrize("path", ["envelope", "store", "security", "csp-report", "minidump", "cron/nightly"])
def test_every_path_is_there_with_its_last_slash_and_without(edge: Edge, path: str) -> None:
    body = b'{"message":"x","status":"ok"}'
    answers = [edge.post(body, f"/api/1/{path}{end}") for end in ("/", "")]
    assert [answer.status_code for answer in answers] == [answers[0].status_code] * 2
    assert answers[0].status_code in {200, 202, 400}


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("br", brotli.compress),
        ("zstd", zstd.compress),
        ("identity", bytes),
    ],
)
def test_every_encoding_is_taken(edge: Edge, encoding: str, packed: Any) -> None:
    answer = edge.post(packed(envelope(EVENT, event_id=ID)), **{"Content-Encoding": encoding})
    assert (answer.status_code, answer.json()) == (200, {"id": ID})


@pytest.mark.parametrize(
    "kind", ["text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "application/x-sentry-envelope", None]
)
def test_a_browser_needs_no_preflight_and_may_read_the_answer(edge: Edge, kind: str | None) -> None:
    headers = {"Origin": "https://shop.example", **({"Content-Type": kind} if kind else {})}
    path = f"{PATH}?sentry_version=7&sentry_key={KEY}&sentry_client=sentry.javascript.browser%2F11"
    answer = edge.http.post(path, content=envelope(EVENT), headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    exposed = {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")}
    assert exposed >= {"x-sentry-rate-limits", "retry-after", "x-sentry-error"}


def test_a_preflight_is_answered_for_those_who_send_one(edge: Edge) -> None:
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-sentry-auth,content-encoding",
    }
    answer = edge.http.options(PATH, headers={"Origin": "https://shop.example", **asked})
    assert answer.status_code == 200
    assert "x-sentry-auth" in answer.headers["access-control-allow-headers"].lower()


def test_an_answer_names_the_event_and_what_was_not_taken(edge: Edge) -> None:
    bad = ({"type": "session"}, {"sid": "s", "started": "2026-03-01T12:00:00Z", "status": "dancing"})
    answer = edge.send(EVENT, ({"type": "replay_event"}, {}), bad, event_id=ID)
    assert answer.status_code == 200
    told = answer.json()
    assert (told["id"], told["unsupported"]) == (ID, {"sentry.replay_event": 1})
    assert [(each["index"], each["field"]) for each in told["rejected"]] == [(2, "status")]


def test_the_clients_own_reader_understands_the_rate_limits() -> None:
    header = rate_limits_header(
        [RateLimit(2.1, ("error", "transaction"), "key", "burst"), RateLimit(60), RateLimit(0, ("session",))]
    )
    assert header == "3:error;transaction:key:burst, 60::key:, 1:session:key:"
    read = sentry_sdk.transport._parse_rate_limits(header)
    assert [category for category, _ in read] == ["error", "transaction", None, "session"]


def test_a_503_tells_what_to_hold_back_and_what_was_wrong() -> None:
    answer = Edge(failing="broker away").send(EVENT, event_id=ID)
    assert answer.status_code == 503
    assert answer.headers["X-Sentry-Rate-Limits"] == "5:error;transaction:project:kafka_away"
    assert "Kafka did not take it" in answer.headers["X-Sentry-Error"]


def test_a_key_that_sends_too_fast_is_told_for_how_long_and_never_by_a_bare_429() -> None:
    edge = Edge(key_rate=Rate(events_per_second=0.1, burst_events=2))
    assert [edge.send(EVENT, event_id=ID).status_code for _ in range(2)] == [200, 200]
    for path in (PATH, "/api/1/store/", f"/api/1/cron/nightly/{KEY}/?status=ok"):
        answer = edge.post(b"" if "cron" in path else b'{"message":"x"}\n', path)
        assert (answer.status_code, answer.json()["error"]["reason"]) == (429, "rate_limited")
        seconds, categories, scope, reason = answer.headers["X-Sentry-Rate-Limits"].split(":")
        assert (0 < int(seconds) <= 10, categories, scope, reason) == (True, "", "key", "rate")
        assert answer.headers["Retry-After"] == seconds
    assert len(edge.events("error")) == 2


@pytest.mark.parametrize("path", [PATH, "/api/1/store/"])
def test_of_a_body_that_is_refused_whole_a_dead_letter_is_left(edge: Edge, path: str) -> None:
    assert edge.post(b"nonsense", path).status_code == 400
    assert edge.http.post(path, content=b"nonsense of nobody").status_code in {400, 403}
    (letter,) = edge.letters()
    assert (letter["project"], letter["source"], letter["reason"]) == ("default", "gateway:sentry", "malformed_json")


def test_a_store_takes_plain_and_packed_json(edge: Edge) -> None:
    body = b'{"event_id":"%s","message":"x"}' % ID.encode()
    for sent in (body, base64.b64encode(zlib.compress(body))):
        answer = edge.post(sent, "/api/1/store/")
        assert (answer.status_code, answer.json()) == (200, {"id": ID})
    assert edge.post(base64.b64encode(zlib.compress(b"0" * 20_000_000)), "/api/1/store/").status_code == 413
    assert edge.post(b"nonsense", "/api/1/store/").status_code == 400
    assert {event["message"] for event in edge.events("error")} == {"x"}


@pytest.mark.parametrize(
    ("path", "name"), [("security", "security"), ("csp-report", "security"), ("minidump", "minidump")]
)
def test_what_a_path_has_no_place_for_is_counted_and_said(edge: Edge, path: str, name: str) -> None:
    answer = edge.post(b'{"csp-report":{}}', f"/api/1/{path}/")
    assert (answer.status_code, answer.json()["error"]["reason"]) == (400, "unsupported_item")
    assert "counted" in answer.headers["X-Sentry-Error"]
    assert edge.dropped() == {(f"sentry.{name}", "unsupported_item"): 1}


def test_a_job_checks_in_by_an_address_alone(edge: Edge) -> None:
    answer = edge.http.get(f"/api/1/cron/nightly/{KEY}/?status=ok&duration=2.5&environment=test")
    assert answer.status_code == 202
    (event,) = edge.events("health")
    assert (event["report"], event["name"], event["state"]) == ("check_in", "nightly", "ok")
    assert (event["duration_seconds"], event["environment"]) == (2.5, "test")
    assert edge.http.get(f"/api/1/cron/nightly/{KEY}/?status=dancing").status_code == 400
    assert edge.http.get(f"/api/1/cron/nightly/{KEY}/?status=ok&duration=long").status_code == 400
