"""Whose request it is: a DSN's public key, in a header, in the query, or in the envelope."""

from __future__ import annotations

from starlette.requests import Request

from tidegate_gateway.edge import Edge
from tidegate_gateway.errors import RefusedError
from tidegate_gateway.settings import Project
from tidegate_schemas.reasons import Reason


def project_of(edge: Edge, request: Request, dsn: str = "", key: str = "") -> Project:
    """The project of the request's key, which must be the project of the path's number. Raises RefusedError.

    `dsn` is the envelope's own, `key` one that the path holds.
    """
    project = edge.project(key or _header_key(request) or request.query_params.get("sentry_key", "") or key_of(dsn))
    if project.number != request.path_params["number"]:
        raise RefusedError(Reason.UNAUTHORISED, "project", "the key belongs to another project than the path's")
    return project


def early_project(edge: Edge, request: Request) -> Project | None:
    """The project of a key that stands outside the body, which may send now; None without one. Raises RefusedError."""
    key = _header_key(request) or request.query_params.get("sentry_key", "")
    if not key:
        return None
    project = edge.project(key)
    edge.admit(project)
    return project


def key_of(dsn: str) -> str:
    """The public key of a DSN, `http://<key>[:<secret>]@host/<project>`; empty if it has none."""
    return dsn.partition("://")[2].partition("@")[0].partition(":")[0] if "@" in dsn else ""


def _header_key(request: Request) -> str:
    """`X-Sentry-Auth: Sentry sentry_key=…, sentry_version=7`, or the same as `Authorization`."""
    auth = request.headers.get("x-sentry-auth") or request.headers.get("authorization", "")
    scheme, _, rest = auth.strip().partition(" ")
    pairs = rest if scheme.lower() == "sentry" else auth
    parts = dict(part.strip().partition("=")[::2] for part in pairs.split(",") if "=" in part)
    return parts.get("sentry_key", "").strip()
