"""Sentry's typed attributes, `{"name": {"type": "integer", "value": 3}}`. Pure."""

from __future__ import annotations

from typing import Any

from tidegate_gateway.values import mapping

#: Attributes that name a machine or a person.
PERSONAL = frozenset({"server.address", "user.name", "user.email", "user.ip_address", "sentry.replay_id"})


def plain_attributes(attributes: object) -> dict[str, Any]:
    """Their values, without those that name a machine or a person."""
    return {
        str(name): each.get("value") if isinstance(each, dict) else each
        for name, each in mapping(attributes).items()
        if name not in PERSONAL
    }
