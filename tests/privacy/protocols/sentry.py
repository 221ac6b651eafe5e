"""Sentry envelopes with every type of item."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.privacy.planting import Planter
from tests.privacy.protocols.message import KEY, Message, Post

Item = tuple[dict[str, Any], Any]
AT = 1_790_000_000.0
UNKEPT = ("statsd", "profile", "replay_event", "trace_metric", "raw_security", "otel_span", "never_heard_of")


def messages(planter: Planter) -> Iterator[Message]:
    """An envelope of each sort: an error with attachments, a transaction, and one with all the rest."""
    planter.protocol = "sentry"
    attachment = {
        "type": "attachment",
        "filename": planter.text("attachment name"),
        "content_type": planter.text("attachment name"),
    }
    yield post(planter, [({"type": "event"}, event(planter)), (attachment, planter.text("dropped").encode())])
    yield post(planter, [({"type": "transaction"}, transaction(planter))])
    yield post(planter, list(others(planter)))
    yield post(planter, list(refused(planter)))


def post(planter: Planter, items: list[Item]) -> Post:
    """A request with an envelope of these items."""
    planter.anyone()
    head = {
        "event_id": hex_id(planter),
        "sdk": {"name": planter.text("dropped")},
        "trace": {"user_segment": planter.text("dropped")},
    }
    lines = [json.dumps(head).encode()]
    for header, payload in items:
        content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        lines += [json.dumps({"length": len(content), **header}).encode(), content]
    headers = {
        "X-Sentry-Auth": f"Sentry sentry_key={KEY}, sentry_version=7, sentry_client=canary/1",
        "User-Agent": planter.header("user agent"),
        "X-Forwarded-For": planter.header("header"),
    }
    return Post("/api/1/envelope/", b"\n".join([*lines, b""]), headers)


def hex_id(planter: Planter, digits: int = 32) -> str:
    """An id as clients make them up."""
    return f"{planter.rng.getrandbits(digits * 4):0{digits}x}"


def shared(planter: Planter) -> dict[str, Any]:
    """What errors, transactions and feedback have in common."""
    text = planter.text
    person = planter.person()
    request = {
        "url": f"https://example.org/{planter.bare('URL path')}?a=1&q={planter.bare('URL query')}",
        "method": text("label"),
        "query_string": text("URL query"),
        "cookies": text("header"),
        "headers": {"User-Agent": text("user agent"), "Cookie": text("header"), "X-Real-Ip": text("header")},
        "data": planter.object("dropped"),
        "env": {"REMOTE_ADDR": text("dropped")},
    }
    user = {
        "id": person,
        "username": text("id"),
        "email": text("id"),
        "ip_address": planter.bare("ip", ["ipv4"]),
        "data": text("dropped"),
    }
    return {
        "timestamp": AT,
        "platform": text("label"),
        "environment": text("label"),
        "release": text("label"),
        "dist": text("label"),
        "server_name": text("dropped"),
        "transaction": "/" + text("route"),
        "tags": {"service": text("label"), text("JSON key"): text("JSON value")},
        "request": request,
        "user": user,
        "contexts": contexts(planter),
        "sdk": {"name": text("label"), "version": text("label")},
    }


def contexts(planter: Planter) -> dict[str, Any]:
    """Known ones, and one of the application's own."""
    text = planter.text
    return {
        "app": {"app_name": text("context"), "app_version": text("context")},
        "device": {"name": text("dropped"), "model": text("context")},
        "os": {"name": text("context"), "build": text("context")},
        "trace": {"trace_id": hex_id(planter), "span_id": hex_id(planter, 16), "op": text("context")},
        "cart": {"owner": text("dropped")},
    }


def frame(planter: Planter) -> dict[str, Any]:
    """One frame with the source around it and its variables."""
    text = planter.text
    return {
        **{name: text("stack frame") for name in ("module", "filename", "abs_path", "function", "context_line")},
        "pre_context": [text("dropped")],
        "vars": {"user": text("local variable"), "card": {"number": text("local variable")}},
        "lineno": 3,
    }


def event(planter: Planter) -> dict[str, Any]:
    """An error with its cause, threads, breadcrumbs and extras."""
    text = planter.text
    both = shared(planter)
    exceptions = [
        {
            "type": text("event name"),
            "value": text("message"),
            "module": text("label"),
            "stacktrace": {"frames": [frame(planter)]},
        }
        for _ in range(2)
    ]
    return both | {
        "event_id": hex_id(planter),
        "level": text("label"),
        "logger": text("label"),
        "message": text("message"),
        "logentry": {"message": text("message"), "params": [text("dropped")], "formatted": text("message")},
        "exception": {"values": exceptions},
        "threads": {"values": [{"id": 1, "name": text("stack frame"), "stacktrace": {"frames": [frame(planter)]}}]},
        "breadcrumbs": {"values": [{"message": text("dropped"), "data": {"url": text("dropped")}}]},
        "extra": planter.object("JSON value"),
        "fingerprint": [text("label")],
        "modules": {text("dropped"): text("dropped")},
        "debug_meta": {
            "images": [{"type": "sourcemap", "code_file": text("stack frame"), "debug_id": text("stack frame")}]
        },
    }


def transaction(planter: Planter) -> dict[str, Any]:
    """A request with two queries inside, which hold literals."""
    text, both = planter.text, shared(planter)
    both["contexts"]["trace"]["op"] = "http.server"
    spans = [child(planter, "db", statement) for statement in statements(planter)] + [
        child(planter, "http.client", text("event name"))
    ]
    return both | {"type": "transaction", "event_id": hex_id(planter), "start_timestamp": AT - 1, "spans": spans}


def statements(planter: Planter) -> list[str]:
    """SQL with personal data in its literals, its comments and its names."""
    bare = planter.bare
    return [
        f"SELECT * FROM users WHERE mail = '{bare('SQL statement')}' AND x IN ('{bare('SQL statement')}')",
        f"INSERT INTO people VALUES ('{bare('SQL statement')}', \"{bare('SQL statement')}\")",
        f"UPDATE people SET note = $${bare('SQL statement')}$$ -- {bare('SQL statement')}",
        f"/* {bare('SQL statement')} */ DELETE FROM x WHERE a = {bare('SQL statement')}",
    ]


def child(planter: Planter, op: str, description: str) -> dict[str, Any]:
    """A span inside of a transaction, or beside one."""
    text = planter.text
    return {
        **{"op": op, "description": description, "span_id": hex_id(planter, 16), "trace_id": hex_id(planter)},
        **{"start_timestamp": AT - 0.5, "timestamp": AT, "status": "ok"},
        "data": {
            "db.system": "postgresql",
            "db.query.parameter.0": text("dropped"),
            "http.request.header.cookie": text("dropped"),
            "user.id": text("id"),
            "user.email": text("dropped"),
            text("JSON key"): text("JSON value"),
        },
    }


def others(planter: Planter) -> Iterator[Item]:
    """Spans, logs, sessions, feedback, check-ins, reports, and what is only counted."""
    text = planter.text
    planter.anyone()
    yield {"type": "span"}, child(planter, "http.server", text("event name"))
    attributes = {
        text("JSON key"): {"value": text("JSON value"), "type": "string"},
        "user.email": {"value": text("dropped")},
    }
    log = {
        "timestamp": AT,
        "level": "info",
        "body": text("message"),
        "trace_id": hex_id(planter),
        "attributes": attributes,
    }
    yield {"type": "log", "item_count": 1, "content_type": "application/vnd.sentry.items.log+json"}, {"items": [log]}
    attrs = {
        "release": text("label"),
        "environment": text("label"),
        "ip_address": planter.bare("ip", ["ipv4"]),
        "user_agent": text("user agent"),
    }
    yield (
        {"type": "session"},
        {"sid": hex_id(planter), "did": text("id"), "init": True, "started": AT, "status": "exited", "attrs": attrs},
    )
    yield {"type": "sessions"}, {"aggregates": [{"started": AT, "did": text("id"), "exited": 2}], "attrs": attrs}
    said = {
        "message": text("message"),
        "contact_email": text("id"),
        "name": text("dropped"),
        "url": f"https://example.org/{planter.bare('URL path')}",
    }
    feedback = shared(planter)
    yield (
        {"type": "feedback"},
        feedback | {"event_id": hex_id(planter), "contexts": {"feedback": said | {"source": text("label")}}},
    )
    planter.anyone()
    yield (
        {"type": "user_report"},
        {"event_id": hex_id(planter), "email": text("id"), "name": text("dropped"), "comments": text("message")},
    )
    config = {"schedule": {"type": "crontab", "value": text("JSON value")}, "timezone": text("JSON value")}
    check_in = {
        "check_in_id": hex_id(planter),
        "monitor_slug": text("event name"),
        "status": "ok",
        "monitor_config": config,
    }
    yield {"type": "check_in"}, check_in | {"environment": text("label"), "release": text("label")}
    yield (
        {"type": "client_report"},
        {
            "timestamp": AT,
            "discarded_events": [{"reason": text("dropped"), "category": text("dropped"), "quantity": 1}],
        },
    )
    for kind in UNKEPT:
        yield {"type": kind}, {"anything": text("dropped")}


def refused(planter: Planter) -> Iterator[Item]:
    """Items with something wrong."""
    text = planter.text
    yield {"type": "event"}, {"event_id": text("refused"), "message": text("refused")}
    yield {"type": "session"}, {"sid": hex_id(planter), "started": AT, "status": text("refused")}
    yield {"type": "check_in"}, {"monitor_slug": text("refused"), "status": text("refused")}
    yield {"type": "transaction"}, {"timestamp": text("refused"), "start_timestamp": text("refused")}
    yield {"type": "event"}, text("refused").encode()
