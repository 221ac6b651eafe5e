"""OpenTelemetry's semantic conventions, stable names and older ones: what of a span's attributes is ours. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

from tidegate.foreign.otel.shape import Shape, shape_of, told
from tidegate.foreign.values import http_method

MAX_WORDS_OF_A_NAME = 4

Event = dict[str, Any]
#: Which side of a call a span is; `""` for all that is neither.
Side = Literal["server", "client", ""]
#: A summary of a statement, by itself and the product whose it is; empty for what is none.
Summarise = Callable[[str, str], str]


def described(
    name: str, side: Side, named: Mapping[str, Any], summarise: Summarise, shape: Shape | None = None
) -> Event:
    """What a span's name, side and attributes say: all fields but ids, times, status and properties.

    `shape`: where the attributes are looked for, by default where they are.
    """
    shape = shape or shape_of(named)
    operation = _operation(side, named, shape)
    query = _query(name, named, operation, shape, summarise)
    return {
        "name": _name_of(name, query) if query else name,
        "operation": operation,
        "user_id": told(named, shape.user) or None,
        "session_id": told(named, shape.session) or None,
        "ip": _client(named, operation, shape),
        "user_agent": told(named, shape.agent) or None,
        "url": _url(named, operation, shape),
        **_http(named, operation, shape),
        **query,
    }


def properties(named: Mapping[str, Any], links: int, others: int, shape: Shape | None = None) -> Event:
    """Attributes without a field of their own, and how many links and other span events there were: none is kept."""
    kept = (shape or shape_of(named)).properties(named)
    if links:
        kept["span.links"] = links
    if others:
        kept["span.events"] = others
    return kept


def sample_rate(trace_state: str) -> float:
    """OpenTelemetry's consistent sampling: `ot=th:T`, the share kept is 1 - T/16^14, T filled up with zeros."""
    if not trace_state:  # most
        return 1.0
    for member in trace_state.split(","):
        key, _, value = member.strip().partition("=")
        if key != "ot":
            continue
        for part in value.split(";"):
            name, _, threshold = part.partition(":")
            if name == "th" and 0 < len(threshold) <= 14 and all(char in "0123456789abcdef" for char in threshold):
                rate = 1 - int(threshold.ljust(14, "0"), 16) / 16**14
                return rate if math.isfinite(rate) and 0 < rate <= 1 else 1.0
    return 1.0


def _operation(side: Side, named: Mapping[str, Any], shape: Shape) -> str:
    """Servers are requests, clients of databases queries, others `client`; all else, messaging too, is internal."""
    if side == "server":
        return "request"
    if side == "client":
        return "query" if told(named, shape.system) else "client"
    return "internal"


def _http(named: Mapping[str, Any], operation: str, shape: Shape) -> Event:
    """Route, method and status of a request."""
    if operation not in {"request", "client"}:
        return {}
    code = told(named, shape.status)
    status = int(code) if len(code) == 3 and code.isdecimal() and 100 <= int(code) <= 599 else 0
    route = told(named, shape.route) if operation == "request" else ""
    return {"route": route, "method": http_method(named, *shape.method) if shape.method else "", "status_code": status}


def _query(name: str, named: Mapping[str, Any], operation: str, shape: Shape, summarise: Summarise) -> Event:
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


def _client(named: Mapping[str, Any], operation: str, shape: Shape) -> str | None:
    """Who called: the address of a peer is the client's for what serves only."""
    return told(named, shape.client) or (told(named, shape.peer) if operation == "request" else "") or None


def _url(named: Mapping[str, Any], operation: str, shape: Shape) -> str | None:
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


def _name_of(name: str, query: Event) -> str:
    """The span's own name; a query's summary where a client names spans by whole statements."""
    if query and query["statement"] and len(name.split()) > MAX_WORDS_OF_A_NAME:
        return str(query["statement"])
    return name
