"""OpenTelemetry's semantic conventions, stable names and older ones: what of a span's attributes is ours. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tidegate_gateway.intake import Event
from tidegate_gateway.otlp.shape import Shape, told
from tidegate_gateway.statements import summarise
from tidegate_gateway.values import http_method

MAX_WORDS_OF_A_NAME = 4


def operation(kind: Span.SpanKind.ValueType, named: Mapping[str, Any], shape: Shape) -> str:
    """Servers are requests, clients of databases queries, others `client`; all else, messaging too, is internal."""
    if kind == Span.SPAN_KIND_SERVER:
        return "request"
    if kind == Span.SPAN_KIND_CLIENT:
        return "query" if told(named, shape.system) else "client"
    return "internal"


def http(named: Mapping[str, Any], operation: str, shape: Shape) -> Event:
    """Route, method and status of a request."""
    if operation not in {"request", "client"}:
        return {}
    code = told(named, shape.status)
    status = int(code) if len(code) == 3 and code.isdecimal() and 100 <= int(code) <= 599 else 0
    route = told(named, shape.route) if operation == "request" else ""
    return {"route": route, "method": http_method(named, *shape.method) if shape.method else "", "status_code": status}


def query(name: str, named: Mapping[str, Any], operation: str, shape: Shape) -> Event:
    """Summary and system of a query: the sender's own summary, else of its statement, else operation and collection."""
    if operation != "query":
        return {}
    system = told(named, shape.system)
    summary = " ".join(told(named, shape.summary).split()) or summarise(told(named, shape.statement), system)
    if not summary:
        summary = f"{told(named, shape.verb)} {told(named, shape.target)}".strip()
    if not summary and name.isidentifier():  # such as `connect`, which has no statement
        summary = name
    return {"statement": summary[:255], "db_system": system}


def client(named: Mapping[str, Any], operation: str, shape: Shape) -> str | None:
    """Who called: the address of a peer is the client's for what serves only."""
    return told(named, shape.client) or (told(named, shape.peer) if operation == "request" else "") or None


def url(named: Mapping[str, Any], operation: str, shape: Shape) -> str | None:
    """The whole address, of a request put together where only its parts are said; the gate takes its query off."""
    if whole := told(named, shape.url):
        return whole
    if operation != "request":
        return None
    path, host = told(named, shape.path), told(named, shape.host)
    if not host:
        return path or None
    port = "" if ":" in host else told(named, shape.port)
    return f"{told(named, shape.scheme) or 'http'}://{host}{port and f':{port}'}{path}"


def name_of(name: str, query: Event) -> str:
    """The span's own name; a query's summary where a client names spans by whole statements."""
    if query and query["statement"] and len(name.split()) > MAX_WORDS_OF_A_NAME:
        return str(query["statement"])
    return name
