"""A Sentry envelope sent again, by a client that never saw the answer: everything in it counts once."""

import hashlib
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from tests.clients.lossy_link import LossyLink
from tests.clients.stack import Stack

pytestmark = [pytest.mark.clients, pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.timeout(300)]

CRASHED = "SELECT * FROM analytics.releases WHERE release = {release:String}"
REPORTED = (
    "SELECT kind, reason, quantity FROM analytics.outcomes WHERE outcome = 'dropped' AND quantity = {quantity:Int64}"
)


def items(release: str, at: str, quantity: int) -> list[tuple[str, dict[str, Any]]]:
    trace = {"trace_id": event_id(release), "span_id": "b7ad6b7169203331", "op": "http.server"}
    session = {"sid": f"session of {release}", "started": at, "attrs": {"release": release}}
    span = {"op": "db", "description": "SELECT a FROM t", "start_timestamp": at, "timestamp": at}
    discarded = [{"reason": "queue_overflow", "category": "error", "quantity": quantity}]
    return [
        ("event", {"message": "x", "release": release}),
        ("transaction", {**span, "release": release, "contexts": {"trace": trace}, "spans": [span]}),
        ("session", {**session, "init": True, "status": "ok", "did": "user-1", "timestamp": at}),
        ("session", {**session, "status": "crashed", "did": "user-1", "timestamp": f"{at} later"}),
        ("sessions", {"aggregates": [{"started": at, "exited": 3}], "attrs": {"release": release}}),
        ("feedback", {"contexts": {"feedback": {"message": "it broke"}}, "release": release}),
        ("check_in", {"check_in_id": event_id(release), "monitor_slug": "nightly", "status": "ok", "release": release}),
        ("client_report", {"timestamp": at, "discarded_events": discarded}),
    ]


def event_id(release: str) -> str:
    """Another one for each test: events of one project are told apart by it."""
    return hashlib.sha256(release.encode()).hexdigest()[:32]


def envelope(release: str, quantity: int) -> bytes:
    at = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    lines = [json.dumps({"event_id": event_id(release), "sent_at": datetime.now(UTC).isoformat()})]
    for name, payload in items(release, at, quantity):
        lines += [json.dumps({"type": name}), json.dumps(payload)]
    return "\n".join([*lines, ""]).encode()


def counts_once(stack: Stack, release: str, quantity: int) -> None:
    for table in ("errors", "feedback", "check_ins"):
        stack.arrived(f"SELECT release FROM analytics.{table} WHERE release = {{release:String}}", 1, release=release)
    stack.arrived("SELECT name FROM analytics.spans WHERE release = {release:String}", 2, release=release)
    (health,) = stack.arrived(CRASHED, 1, release=release)
    assert (health["sessions"], health["crashed"], health["users"], health["crashed_users"]) == (4, 1, 1, 1)
    assert (health["crash_free_sessions"], health["crash_free_users"]) == (0.75, 0.0)
    told = stack.arrived(REPORTED, 1, quantity=quantity)
    assert told == [{"kind": "error", "reason": "queue_full", "quantity": quantity}]


def test_after_a_lost_answer_everything_counts_once(stack: Stack, mark: str) -> None:
    quantity = 1_000_000 + time.time_ns() % 1_000_000
    body, link = envelope(mark, quantity), LossyLink(int(stack.gateway_url.rpartition(":")[2]))
    headers = {"X-Sentry-Auth": f"Sentry sentry_key={stack.write_key}, sentry_version=7"}
    link.lose(1)
    with pytest.raises(httpx.TransportError):
        httpx.post(f"{link.url}/api/1/envelope/", content=body, headers=headers, timeout=30)
    assert link.lost[0].startswith(b"HTTP/1.1 200")
    assert httpx.post(f"{link.url}/api/1/envelope/", content=body, headers=headers, timeout=30).status_code == 200
    link.close()
    counts_once(stack, mark, quantity)


def test_after_a_gateway_that_was_killed_everything_counts_once(stack: Stack, mark: str) -> None:
    quantity = 2_000_000 + time.time_ns() % 1_000_000
    body = envelope(mark, quantity)
    headers = {"X-Sentry-Auth": f"Sentry sentry_key={stack.write_key}, sentry_version=7"}
    for _ in range(2):
        answer = httpx.post(f"{stack.gateway_url}/api/1/envelope/", content=body, headers=headers, timeout=30)
        assert (answer.status_code, answer.json()) == (200, {"id": event_id(mark)})
        stack.kill("gateway")
        stack.start("gateway")
    counts_once(stack, mark, quantity)
