"""Sentry's typed attributes, `{"name": {"type": "integer", "value": 3}}`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.foreign.values import mapping

#: Attributes that name a machine or a person, or hold what a statement or an address was given.
LEFT_OUT = frozenset(
    {
        "db.query.text",
        "db.statement",
        "http.fragment",
        "http.query",
        "sentry.description",
        "sentry.replay_id",
        "sentry.sdk.integrations",
        "server.address",
        "url.fragment",
        "url.full",
        "url.query",
        "user.email",
        "user.id",
        "user.ip_address",
        "user.name",
        "user.username",
    }
)
LEFT_OUT_BEGINS = (
    "db.query.parameter",
    "http.request.body",
    "http.request.cookie",
    "http.request.header.",
    "url.query.",
)


def plain_attributes(attributes: object) -> dict[str, Any]:
    """Their values."""
    named = mapping(attributes).items()
    return {str(name): each.get("value") if isinstance(each, dict) else each for name, each in named}


def kept_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes without those that name a machine or a person, or hold what a statement was given."""
    named = attributes.items()
    return {name: each for name, each in named if name not in LEFT_OUT and not name.startswith(LEFT_OUT_BEGINS)}
