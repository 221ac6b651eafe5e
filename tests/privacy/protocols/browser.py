"""Beacons of pages, of every kind, and refused events in them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

from tests.privacy.planting import Planter
from tests.privacy.protocols.message import KEY, Message, Post
from tests.privacy.protocols.segment import headers


def messages(planter: Planter) -> Iterator[Message]:
    """One page's beacon."""
    planter.protocol = "browser"
    events = [each | envelope(planter, number) for number, each in enumerate(items(planter), 1)]
    context = {name: planter.text("label") for name in ("environment", "release", "service")}
    body = {"writeKey": KEY, "producerId": uuid.UUID(int=planter.rng.getrandbits(128)).hex, "events": events}
    yield Post("/v1/beacon", json.dumps(body | {"context": context}).encode(), headers(planter))


def envelope(planter: Planter, number: int) -> dict[str, Any]:
    """What every event says."""
    return {
        "id": str(uuid.UUID(int=planter.rng.getrandbits(128))),
        "sequence": number,
        "userId": planter.person(),
        "anonymousId": planter.bare("id"),
        "sessionId": planter.bare("id"),
        "url": f"https://example.org/{planter.bare('URL path')}?q={planter.bare('URL query')}",
        "referrer": f"https://example.org/{planter.bare('URL path')}#{planter.bare('URL query')}",
        "consent": "granted",
    }


def items(planter: Planter) -> Iterator[dict[str, Any]]:
    """One of each kind, and two that are refused."""
    planter.anyone()
    text = planter.text
    for kind in ("track", "page", "identify"):
        traits = {"name": planter.bare("id", ["name"]), "other": text("JSON value")}
        yield {"kind": "track", "type": kind, "name": text("event name"), "properties": planter.object("JSON value"), "traits": traits}
    stack = f"TypeError: {text('message')}\n    at {planter.bare('stack frame')} (https://example.org/{planter.bare('stack frame')}.js:1:2)"
    error = {"kind": "error", "name": text("event name"), "message": text("message"), "route": text("route"), "stack": stack}
    yield error | {"properties": planter.object("JSON value")}
    span = {"kind": "span", "name": text("event name"), "route": text("route"), "method": text("label"), "durationSeconds": 0.1}
    yield span | {"properties": planter.object("JSON value")}
    yield {"kind": "metric", "name": text("event name"), "unit": text("metric label"), "value": 1, "attributes": planter.object("metric label")}
    yield {"kind": text("refused"), "name": text("refused")}
    yield {"kind": "track", "type": text("refused"), "name": text("refused"), "properties": planter.object("refused")}
