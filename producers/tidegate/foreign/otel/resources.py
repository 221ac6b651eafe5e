"""What a resource's attributes say of who emits something. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.foreign.values import text

MAX_PLATFORM = 64


def service_fields(named: Mapping[str, Any]) -> dict[str, str]:
    """Service, release and environment, as envelope fields."""
    return {
        "service": text(named, "service.name"),
        "release": text(named, "service.version"),
        "environment": text(named, "deployment.environment.name", "deployment.environment"),
    }


def platform(named: Mapping[str, Any]) -> str:
    """Language of its OpenTelemetry SDK."""
    return text(named, "telemetry.sdk.language")[:MAX_PLATFORM]


def tells_exceptions(named: Mapping[str, Any]) -> bool:
    """Whether exceptions on its spans are errors: not if it says `tidegate.exceptions=elsewhere`, as another client of
    its reports them, and they would count twice.
    """
    return text(named, "tidegate.exceptions") != "elsewhere"
