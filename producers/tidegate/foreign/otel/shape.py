"""Which of the names that mean something a span's attributes have: decided once for each set of names. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tidegate.foreign.values import text

Names = tuple[str, ...]
MAX_SHAPES = 1_024
"""That are remembered; a sender has some dozens."""

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


class Shape(NamedTuple):
    """By what they mean, the stable names and older ones; the first one that says something goes."""

    user: Names = ("user.id", "enduser.id")
    session: Names = ("session.id",)
    agent: Names = ("user_agent.original", "http.user_agent")
    client: Names = ("client.address", "http.client_ip")
    peer: Names = ("network.peer.address", "net.sock.peer.addr", "net.peer.ip")
    url: Names = ("url.full", "http.url")
    scheme: Names = ("url.scheme", "http.scheme")
    host: Names = ("server.address", "http.host", "net.host.name")
    port: Names = ("server.port", "net.host.port")
    path: Names = ("url.path", "http.target")
    route: Names = ("http.route",)
    method: Names = ("http.request.method", "http.method")
    status: Names = ("http.response.status_code", "http.status_code")
    system: Names = ("db.system.name", "db.system")
    summary: Names = ("db.query.summary",)
    statement: Names = ("db.query.text", "db.statement")
    verb: Names = ("db.operation.name", "db.operation")
    target: Names = ("db.collection.name", "db.sql.table", "db.mongodb.collection", "db.cassandra.table")
    kept: Names | None = None
    """Those without a field of their own; None: each is to be looked at."""

    def properties(self, named: Mapping[str, Any]) -> dict[str, Any]:
        """Attributes without a field of their own."""
        return {key: named[key] for key in (_kept(named) if self.kept is None else self.kept)}


ANY = Shape()
"""Of attributes that nobody has looked at: what all others are held to."""
_known: dict[Names, Shape] = {}


def shape_of(named: Mapping[str, Any]) -> Shape:
    """The shape of these attributes: names that they don't have are left out, as they would say nothing."""
    names = tuple(named)
    found = _known.get(names)
    if found is None:
        there = {field: _there(group, named) for field, group in ANY._asdict().items() if group is not None}
        found = ANY._replace(**there, kept=_kept(names))
        if len(_known) < MAX_SHAPES:
            _known[names] = found
    return found


def told(named: Mapping[str, Any], names: Names) -> str:
    """As `values.text`; most names aren't there."""
    return text(named, *names) if names else ""


def _there(group: Names, named: Mapping[str, Any]) -> Names:
    return tuple(name for name in group if name in named)


def _kept(names: Iterable[str]) -> Names:
    return tuple(name for name in names if name not in TAKEN and not name.startswith(PARAMETERS))
