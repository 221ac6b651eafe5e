import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from tidegate_dashboards.alerts.evaluate import Alert, Phase, Transition
from tidegate_dashboards.alerts.notify import WebhookNotifier, fingerprint, message, notification
from tidegate_dashboards.alerts.rules import load_rules
from tidegate_dashboards.errors import NotifyError

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
RULE = next(rule for rule in load_rules() if rule.name == "server-error-rate")
LABELS = (("method", "POST"), ("route", "/run"), ("service", "marketplace"))


def transition(kind: str = "firing") -> Transition:
    alert = Alert(RULE.name, LABELS, Phase.FIRING, NOON, NOON, 0.125, 40)
    return Transition(kind, alert, NOON.replace(minute=7), "0.125 > 0.05")


@contextmanager
def webhook(statuses: list[int]) -> Iterator[tuple[str, list[Any]]]:
    """A real server that answers with each status in turn, the last one for ever, and keeps what it got."""
    taken: list[Any] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(statuses[min(len(taken), len(statuses)) - 1])
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", taken
    finally:
        server.shutdown()
        server.server_close()


class Pauses:
    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


def test_a_firing_alert_has_alertmanagers_shape() -> None:
    body = message([notification(RULE, transition(), "http://dash")], "http://dash")

    assert body["version"] == "4"
    assert body["status"] == "firing"
    assert body["groupLabels"] == {"alertname": "server-error-rate"}
    assert body["commonLabels"]["route"] == "/run"
    (alert,) = body["alerts"]
    assert alert["labels"] == {
        "alertname": "server-error-rate",
        "severity": "critical",
        "method": "POST",
        "route": "/run",
        "service": "marketplace",
    }
    assert alert["annotations"]["summary"] == "POST /run of marketplace fails: 12.5% of 40 requests in 5 minutes"
    assert alert["startsAt"] == "2026-11-23T12:00:00.000000Z"
    assert alert["endsAt"] == "0001-01-01T00:00:00Z"
    assert alert["generatorURL"] == "http://dash"


def test_a_resolved_alert_has_an_end_and_the_same_fingerprint() -> None:
    firing, resolved = notification(RULE, transition()), notification(RULE, transition("resolved"))

    assert resolved["status"] == "resolved"
    assert resolved["endsAt"] == "2026-11-23T12:07:00.000000Z"
    assert resolved["fingerprint"] == firing["fingerprint"] == fingerprint(RULE.name, LABELS)
    assert message([resolved])["status"] == "resolved"
    assert message([resolved, firing])["status"] == "firing"


def test_labels_can_not_be_mixed_up_in_a_fingerprint() -> None:
    assert fingerprint("r", (("a", "bc"),)) != fingerprint("r", (("ab", "c"),))


def test_a_summary_with_an_unknown_label_is_sent_as_it_stands() -> None:
    odd = RULE.model_copy(update={"summary": "{nobody} fails"})

    assert notification(odd, transition())["annotations"]["summary"] == "{nobody} fails"


async def test_a_failing_webhook_is_tried_again_later_and_later() -> None:
    pauses = Pauses()
    with webhook([503, 429, 200]) as (url, taken):
        notifier = WebhookNotifier(url, pause=pauses)
        await notifier.send({"alerts": []})
        await notifier.close()

    assert len(taken) == 3
    assert pauses.taken == [0.5, 1.0]


async def test_a_webhook_that_keeps_failing_is_an_error_after_three_attempts() -> None:
    with webhook([500]) as (url, taken):
        notifier = WebhookNotifier(url, pause=Pauses())
        with pytest.raises(NotifyError, match="status 500"):
            await notifier.send({"alerts": []})
        await notifier.close()

    assert len(taken) == 3


async def test_a_refusal_is_not_tried_again() -> None:
    with webhook([404]) as (url, taken):
        notifier = WebhookNotifier(url, pause=Pauses())
        with pytest.raises(NotifyError, match="status 404"):
            await notifier.send({"alerts": []})
        await notifier.close()

    assert len(taken) == 1


async def test_a_webhook_that_is_not_there_is_an_error_without_its_address() -> None:
    with webhook([200]) as (url, _):
        gone = url
    notifier = WebhookNotifier(gone, pause=Pauses())
    with pytest.raises(NotifyError) as error:
        await notifier.send({"alerts": []})
    await notifier.close()

    assert "ConnectError" in str(error.value)
    assert gone not in str(error.value)
