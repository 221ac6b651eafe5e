"""What each Segment client is told to send, and what must be found of it: every call, once, in its place."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from tests.clients.stack import Stack

CALLS = frozenset({"identify", "track", "page", "screen", "group", "alias"})
VERSION = "1.2.3"
ROWS = """
    SELECT type, name, project, service, release, ip, url, user, visitor, previous, person, consent, occurred_at,
        toString(event_id) AS event_id, properties, toString(properties) AS text
    FROM analytics.events WHERE service = {service:String}
"""
LINKS = "SELECT visitor FROM analytics.identities WHERE user = {user:String}"
DUPLICATES = "SELECT sum(quantity) AS copies FROM analytics.outcomes WHERE reason = 'duplicate'"
CLOCKS_AGREE = timedelta(seconds=30)


@dataclass(frozen=True)
class Script:
    """One visitor's six calls. The facts are what a client in another language is given."""

    service: str
    user: str = field(default_factory=lambda: f"user-{uuid4()}")
    device: str = field(default_factory=lambda: f"device-{uuid4()}")
    #: an hour ago: what a client says is kept, not when it was sent
    happened: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1))

    @property
    def context(self) -> dict[str, Any]:
        """What every call carries around itself."""
        campaign = {"name": "spring", "source": "letter"}
        app = {"name": self.service, "version": VERSION}
        return {"app": app, "ip": "203.0.113.9", "campaign": campaign, "groupId": "acme"}

    @property
    def facts(self) -> dict[str, Any]:
        """The script as JSON."""
        return {
            "user": self.user,
            "device": self.device,
            "happened": self.happened.isoformat(),
            "context": self.context,
            "order": {"price": 2.5, "items": 3, "feature": "checkout", "nested": {"coupon": None}, "gift": True},
            "traits": {"email": "jane@example.org", "plan": "team"},
            "group": {"plan": "enterprise", "seats": 12},
            "page": {"url": "https://shop.example/pricing?q=secret"},
        }


def send_by_python(client: Any, script: Script) -> None:
    """The script by a client with the methods of Segment's Python library, which RudderStack's has too."""
    facts = script.facts
    whose = {"anonymous_id": script.device, "context": script.context, "timestamp": script.happened}
    client.identify(script.user, facts["traits"], **whose)
    client.track(script.user, "Order Completed", facts["order"], **whose)
    client.page(script.user, "Docs", "Pricing", facts["page"], **whose)
    client.screen(script.user, None, "Main", {}, **whose)
    client.group(script.user, "acme", facts["group"], **whose)
    client.alias(script.device, script.user, context=script.context, timestamp=script.happened)


def check(stack: Stack, script: Script, wanted: Set[str] = CALLS, signed_out: Set[str] = frozenset()) -> None:
    """Every call of the script is there once, with what it said, and without what the gate has to take.

    `wanted` are the calls that were sent, `signed_out` those of them that were made before the visitor signed in.
    """
    found = stack.arrived(ROWS, len(wanted), service=script.service)
    rows = {row["type"]: row for row in found}
    assert set(rows) == wanted
    assert len({row["event_id"] for row in found}) == len(wanted)
    for row in found:
        assert (row["project"], row["release"]) == ("default", VERSION)
        assert row["ip"] == "203.0.113.0"
        assert abs(row["occurred_at"].replace(tzinfo=UTC) - script.happened) < CLOCKS_AGREE
        assert row["properties"]["campaign"] == {"name": "spring", "source": "letter"}
        assert not any(private in row["text"] for private in ("jane@", "secret", script.user, script.device))
    _check_calls(rows)
    _check_persons(stack, rows, signed_out)


def _check_calls(rows: dict[str, dict[str, Any]]) -> None:
    assert rows["track"]["name"] == "Order Completed"
    order = rows["track"]["properties"]
    assert (order["price"], order["items"], order["feature"], order["gift"]) == (2.5, 3, "checkout", True)
    assert order["group_id"] == "acme"
    assert (rows["page"]["name"], rows["page"]["properties"]["category"]) == ("Pricing", "Docs")
    assert rows["page"]["url"] == "https://shop.example/pricing"
    if "screen" in rows:
        assert rows["screen"]["name"] == "Main"
    group = rows["group"]["properties"]
    assert (group["group_id"], group["group_traits"]) == ("acme", {"plan": "enterprise", "seats": 12})


def _check_persons(stack: Stack, rows: dict[str, dict[str, Any]], signed_out: Set[str]) -> None:
    user = rows["track"]["user"]
    assert user
    assert {row["person"] for row in rows.values()} == {user}
    assert {kind: row["user"] for kind, row in rows.items()} == {
        kind: "" if kind in signed_out else user for kind in rows
    }
    device = rows["track"]["visitor"]
    assert device not in {"", user}
    assert rows["alias"]["previous"] == device
    assert [link["visitor"] for link in stack.rows(LINKS, user=user)] == [device]
