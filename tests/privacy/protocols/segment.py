"""Segment's calls, alone and in batches, and some that are refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.privacy.planting import Planter
from tests.privacy.protocols.message import KEY, Message, Post

TYPES = ("track", "page", "screen", "identify", "group", "alias")
BATCH = 20


def messages(planter: Planter) -> Iterator[Message]:
    """A batch, then one of each call by itself, then refused ones."""
    planter.protocol = "segment"
    batch = [call(planter, TYPES[number % len(TYPES)]) for number in range(BATCH)]
    planter.anyone()
    context = {"app": {"build": planter.text("context")}, "campaign": {"name": planter.text("JSON value")}}
    body = {"batch": [*batch, *refused(planter)], "context": context, "writeKey": KEY}
    yield Post("/v1/batch", json.dumps(body).encode(), headers(planter))
    for kind in TYPES:
        yield Post(f"/v1/{kind}", json.dumps(call(planter, kind) | {"writeKey": KEY}).encode(), headers(planter))


def headers(planter: Planter) -> dict[str, str]:
    """What a browser, or a proxy, says of itself and of its user."""
    planter.anyone()
    return {
        "Content-Type": "application/json",
        "User-Agent": planter.header("user agent"),
        "Referer": planter.header("header"),
        "Cookie": f"visitor={planter.header('header')}",
        "X-Forwarded-For": planter.header("header"),
        "X-Request-Id": planter.header("header"),
    }


def call(planter: Planter, kind: str) -> dict[str, Any]:
    """A call that is taken."""
    person = planter.person()
    properties = planter.object("JSON value") | {"feature": planter.text("label"), "agent": planter.text("label")}
    path, query, fragment = planter.bare("URL path"), planter.bare("URL query"), planter.bare("URL query")
    properties["url"] = f"https://example.org/{path}/x?a=1&q={query}&x=1#{fragment}"
    traits = {"note": planter.text("JSON value")}
    if kind != "group":  # whose traits are no person's
        known_name = planter.bare("id", ["name"])
        properties["greeting"] = f"Dear {known_name}, welcome"
        traits |= {"name": known_name, "email": planter.bare("id", ["email"])}
    return {
        "type": kind,
        "userId": person,
        "anonymousId": planter.bare("id"),
        "messageId": planter.bare("id"),
        "event": planter.text("event name"),
        "name": planter.text("event name"),
        "groupId": planter.text("JSON value"),
        "previousId": planter.bare("id"),
        "category": planter.text("JSON value"),
        "properties": properties,
        "traits": traits,
        "context": context(planter),
        "password": planter.text("dropped"),
    }


def context(planter: Planter) -> dict[str, Any]:
    """Who calls, from where."""
    return {
        "ip": planter.bare("ip", ["ipv4", "ipv6"]),
        "userAgent": planter.text("user agent"),
        "sessionId": planter.bare("id"),
        "environment": planter.text("label"),
        "app": {"name": planter.text("label"), "version": planter.text("label")},
        "page": {"referrer": f"https://example.org/{planter.bare('URL path')}?b=1&a={planter.bare('URL query')}"},
        "device": {"id": planter.text("dropped")},
        "library": {"name": planter.text("dropped")},
    }


def refused(planter: Planter) -> Iterator[dict[str, Any]]:
    """Calls with something wrong: their answer and their dead letter name it."""
    planter.anyone()
    own = {"messageId": planter.bare("own id of a refused call", fits=lambda text: len(text) <= 200)}
    yield call(planter, "track") | {"type": planter.text("refused")} | own
    planter.anyone()
    yield {"type": "track", "event": planter.text("refused"), "properties": planter.object("refused")}
    yield call(planter, "track") | {"timestamp": planter.text("refused")} | own
    yield call(planter, "track") | {"properties": planter.text("refused")} | own
    yield call(planter, "track") | {"event": [planter.text("refused")]} | own
