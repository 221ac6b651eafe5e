"""Notifications in the shape of Alertmanager's webhooks, so that whatever takes those takes ours."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import httpx

from tidegate_dashboards.alerts.evaluate import Labels, Transition
from tidegate_dashboards.alerts.rules import Rule
from tidegate_dashboards.errors import NotifyError

__all__ = ["LogNotifier", "Notifier", "WebhookNotifier", "fingerprint", "message", "notification"]

log = logging.getLogger(__name__)

ATTEMPTS = 3
FIRST_PAUSE_SECONDS = 0.5
NEVER = "0001-01-01T00:00:00Z"
"""How Go, and so Alertmanager, writes that there is no time."""

Message = dict[str, Any]


def fingerprint(rule: str, labels: Labels) -> str:
    """16 hexadecimal digits that name the alert, the same in every notification about it."""
    text = "\x00".join([rule, *(part for pair in labels for part in pair)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def notification(rule: Rule, transition: Transition, dashboard_url: str = "") -> Message:
    """One entry of `alerts` in a webhook message."""
    alert = transition.alert
    resolved = transition.kind == "resolved"
    known: Mapping[str, Any] = {**dict(alert.labels), "value": alert.value, "sample": alert.sample}
    return {
        "status": "resolved" if resolved else "firing",
        "labels": {"alertname": rule.name, "severity": rule.severity, **dict(alert.labels)},
        "annotations": {"summary": _summary(rule.summary, known), "reason": transition.reason},
        "startsAt": _time(alert.since),
        "endsAt": _time(transition.at) if resolved else NEVER,
        "generatorURL": dashboard_url,
        "fingerprint": fingerprint(rule.name, alert.labels),
    }


def message(alerts: Sequence[Message], dashboard_url: str = "") -> Message:
    """A webhook message about alerts of one rule."""
    common = dict(set.intersection(*(set(alert["labels"].items()) for alert in alerts)))
    name = alerts[0]["labels"]["alertname"]
    return {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{name}"}}',
        "truncatedAlerts": 0,
        "status": "firing" if any(alert["status"] == "firing" for alert in alerts) else "resolved",
        "receiver": "tidegate",
        "groupLabels": {"alertname": name},
        "commonLabels": dict(sorted(common.items())),
        "commonAnnotations": alerts[0]["annotations"] if len(alerts) == 1 else {},
        "externalURL": dashboard_url,
        "alerts": list(alerts),
    }


class Notifier(Protocol):
    """Takes notifications away."""

    async def send(self, body: Message) -> None:
        """Delivers a message. Raises NotifyError after all retries."""

    async def close(self) -> None:
        """Lets go of connections."""


class LogNotifier:
    """Writes notifications to the log: what there is without a webhook."""

    async def send(self, body: Message) -> None:
        """Logs each alert of the message."""
        for alert in body["alerts"]:
            log.warning("alert %s: %s", alert["status"], alert["annotations"]["summary"])

    async def close(self) -> None:
        """Nothing to let go of."""


class WebhookNotifier:
    """Posts messages as JSON. Answers of 408, 429 and 5xx, and no answer at all, are tried again, later and later."""

    def __init__(
        self, url: str, *, timeout_seconds: float = 5.0, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._url = url
        self._pause = pause
        self._client = httpx.AsyncClient(timeout=timeout_seconds, trust_env=False)

    async def send(self, body: Message) -> None:
        """Delivers a message. Raises NotifyError after three attempts, or at once where another can't help."""
        trouble = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                await self._pause(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
            try:
                answer = await self._client.post(self._url, json=body)
            except httpx.HTTPError as error:
                trouble = f"{type(error).__name__} {error}".strip()
                continue
            if answer.is_success:
                return
            trouble = f"status {answer.status_code}"
            if answer.status_code not in {408, 429} and answer.status_code < 500:
                break
        raise NotifyError(f"the webhook did not take a notification: {trouble}")

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()


def _summary(template: str, known: Mapping[str, Any]) -> str:
    try:
        return template.format_map(known)
    except (KeyError, ValueError, IndexError, AttributeError):
        return template


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
