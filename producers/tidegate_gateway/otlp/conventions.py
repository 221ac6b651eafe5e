"""OpenTelemetry's semantic conventions, stable names and older ones: what of a span's attributes is ours. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tidegate_gateway.intake import Event
from tidegate_gateway.statements import summarise
from tidegate_gateway.values import http_method, optional, text

MAX_WORDS_OF_A_NAME = 4

#: Attributes that have a field of their own, or that must not go on (whole statements hold literals).
TAKEN = frozenset(
    {
        "client.address",
        "db.name",
        "db.query.summary",
        "db.query.text",
        "db.statement",
        "db.system",
        "db.system.name",
        "enduser.id",
        "http.client_ip",
        "http.method",
        "http.request.method",
        "http.response.status_code",
        "http.route",
        "http.status_code",
        "http.target",
        "http.url",
        "http.user_agent",
        "net.peer.ip",
        "net.sock.peer.addr",
        "network.peer.address",
        "session.id",
        "url.full",
        "url.query",
        "user.id",
        "user_agent.original",
    }
)
#: Values that were bound to a statement are its literals.
PARAMETERS = ("db.query.parameter", "db.operation.parameter", "db.statement.parameters")


def operation(span: Span, named: Mapping[str, Any]) -> str:
    """Servers are requests, clients of databases queries, others `client`; all else, messaging too, is internal."""
    if span.kind == Span.SPAN_KIND_SERVER:
        return "request"
    if span.kind == Span.SPAN_KIND_CLIENT:
        return "query" if text(named, "db.system.name", "db.system") else "client"
    return "internal"


def http(named: Mapping[str, Any], operation: str) -> Event:
    """Route, method and status of a request."""
    if operation not in {"request", "client"}:
        return {}
    code = text(named, "http.response.status_code", "http.status_code")
    status = int(code) if len(code) == 3 and code.isdecimal() and 100 <= int(code) <= 599 else 0
    route = text(named, "http.route") if operation == "request" else ""
    return {
        "route": route,
        "method": http_method(named, "http.request.method", "http.method"),
        "status_code": status,
    }


def query(name: str, named: Mapping[str, Any], operation: str) -> Event:
    """Summary and system of a query: the sender's own summary, else of its statement, else operation and collection."""
    if operation != "query":
        return {}
    system = text(named, "db.system.name", "db.system")
    summary = " ".join(text(named, "db.query.summary").split()) or summarise(
        text(named, "db.query.text", "db.statement"), system
    )
    if not summary:
        verb = text(named, "db.operation.name", "db.operation")
        target = text(named, "db.collection.name", "db.sql.table", "db.mongodb.collection", "db.cassandra.table")
        summary = f"{verb} {target}".strip()
    if not summary and name.isidentifier():  # such as `connect`, which has no statement
        summary = name
    return {"statement": summary[:255], "db_system": system}


def client(named: Mapping[str, Any], operation: str) -> str | None:
    """Who called: the address of a peer is the client's for what serves only."""
    peers = ("network.peer.address", "net.sock.peer.addr", "net.peer.ip") if operation == "request" else ()
    return optional(named, "client.address", "http.client_ip", *peers)


def url(named: Mapping[str, Any], operation: str) -> str | None:
    """The whole address, of a request put together where only its parts are said; the gate takes its query off."""
    if whole := text(named, "url.full", "http.url"):
        return whole
    if operation != "request":
        return None
    path = text(named, "url.path", "http.target")
    host = text(named, "server.address", "http.host", "net.host.name")
    if not host:
        return path or None
    port = "" if ":" in host else text(named, "server.port", "net.host.port")
    return f"{text(named, 'url.scheme', 'http.scheme', default='http')}://{host}{port and f':{port}'}{path}"


def name_of(name: str, query: Event) -> str:
    """The span's own name; a query's summary where a client names spans by whole statements."""
    if query and query["statement"] and len(name.split()) > MAX_WORDS_OF_A_NAME:
        return str(query["statement"])
    return name
