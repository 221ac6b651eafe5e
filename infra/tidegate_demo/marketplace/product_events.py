"""The call sites of product analytics: one method an event, each counted before it is sent."""

from __future__ import annotations

from typing import Any

import segment.analytics as segment
from fastapi import Request

from tidegate_demo.marketplace.counting import CallSites
from tidegate_demo.marketplace.settings import MarketplaceSettings


class ProductEvents:
    """Names follow the object-action convention in past tense."""

    def __init__(self, client: segment.Client, sites: CallSites, settings: MarketplaceSettings) -> None:
        self._client, self._sites, self._settings = client, sites, settings

    def viewed(self, request: Request, name: str) -> None:
        """A page was shown."""
        self._sites.add("track", "page")
        self._client.page(name=name, properties={"url": str(request.url)}, **self._who(request))

    def registered(self, request: Request, user_id: str, email: str) -> None:
        """An account was made: who it is, and that it happened."""
        self._sites.add("track", "identify")
        who = {**self._who(request), "user_id": user_id}
        self._client.identify(traits={"email": email, "plan": "free"}, **who)
        self._sites.add("track", "user_registered")
        self._client.track(event="user_registered", **who)

    def logged_in(self, request: Request, user_id: str) -> None:
        """A session was opened on this device."""
        self._sites.add("track", "user_logged_in")
        self._client.track(event="user_logged_in", **{**self._who(request), "user_id": user_id})

    def installed(self, request: Request, slug: str) -> None:
        """An agent was installed."""
        self._agent_event(request, "agent_installed", slug, feature="install", success=True)

    def ran(self, request: Request, slug: str, *, success: bool, seconds: float) -> None:
        """An agent ran to its end, good or bad."""
        self._agent_event(request, "agent_run", slug, feature="run", success=success, seconds=round(seconds, 4))

    def _agent_event(self, request: Request, event: str, slug: str, **properties: Any) -> None:
        self._sites.add("track", event)
        self._client.track(event=event, properties={"agent": slug, **properties}, **self._who(request))

    def _who(self, request: Request) -> dict[str, Any]:
        context = {
            "app": {"name": "marketplace", "version": self._settings.release},
            "environment": self._settings.environment,
            "ip": request.headers.get("x-forwarded-for"),
            "userAgent": request.headers.get("user-agent"),
            "sessionId": request.headers.get("x-session-id"),
        }
        return {
            "anonymous_id": request.headers.get("x-anonymous-id"),
            "user_id": request.headers.get("x-user-id"),
            "context": {name: value for name, value in context.items() if value},
        }
