"""Beacons of pages, of every kind, and refused events in them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tests.privacy.planting import Planter
from tests.privacy.protocols.message import KEY, Message, Post
from tests.privacy.protocols.segment import headers


def messages(planter: Planter) -> Iterator[Message]:
    """One page's beacon."""
    planter.protocol = "browser"
    events = [envelope(planter, number, own=make is not metric) | make(planter) for number, make in enumerate(ITEMS, 1)]
    planter.anyone()
    context = {name: planter.text("label") for name in ("environment", "release", "service")}
    body = {"writeKey": KEY, "producerId": uuid.UUID(int=planter.rng.getrandbits(128)).hex, "events": events}
    yield Post("/v1/beacon", json.dumps(body | {"context": context}).encode(), headers(planter))


def envelope(planter: Planter, number: int, *, own: bool) -> dict[str, Any]:
    """What every event says. Ids are not taken with a measurement, so none can be known in it."""
    person = planter.person()
    if not own:
        planter.anyone()
    return {
        "id": str(uuid.UUID(int=planter.rng.getrandbits(128))),
        "sequence": number,
        "userId": person,
        "anonymousId": planter.bare("id"),
        "sessionId": planter.bare("id"),
        "url": f"https://example.org/{planter.bare('URL path')}?a=1&q={planter.bare('URL query')}",
        "referrer": f"https://example.org/{planter.bare('URL path')}&x=1#{planter.bare('URL query')}",
        "consent": "granted",
    }


def track(planter: Planter, kind: str) -> dict[str, Any]:
    """A product event."""
    traits = {"name": planter.bare("id", ["name"]), "other": planter.text("JSON value")}
    own = {"kind": "track", "type": kind, "name": planter.text("event name"), "traits": traits}
    return own | {"properties": planter.object("JSON value")}


def error(planter: Planter) -> dict[str, Any]:
    """An exception with an engine's stack."""
    text, bare = planter.text, planter.bare
    call = f"    at {bare('stack frame')} (https://example.org/{bare('stack frame')}.js:1:2)"
    own = {"kind": "error", "name": text("event name"), "message": text("message"), "route": text("route")}
    return own | {"stack": f"TypeError: {text('message')}\n{call}", "properties": planter.object("JSON value")}


def span(planter: Planter) -> dict[str, Any]:
    """A request that the page made."""
    text = planter.text
    own = {"kind": "span", "name": text("event name"), "route": text("route"), "method": text("label")}
    return own | {"durationSeconds": 0.1, "properties": planter.object("JSON value")}


def metric(planter: Planter) -> dict[str, Any]:
    """A measurement, which is nobody's."""
    planter.anyone()
    own = {"kind": "metric", "name": planter.text("event name"), "unit": planter.text("metric label"), "value": 1}
    return own | {"attributes": planter.object("metric label")}


ITEMS: Sequence[Callable[[Planter], dict[str, Any]]] = (
    *(lambda planter, kind=kind: track(planter, kind) for kind in ("track", "page", "identify")),
    error,
    span,
    metric,
    lambda planter: {"kind": planter.text("refused"), "name": planter.text("refused")},
    lambda planter: {"kind": "track", "type": planter.text("refused"), "properties": planter.object("refused")},
)
"""What to make of each kind, and two that are refused."""
