"""sentry-sdk without a Sentry: `sentry_sdk.init("http://key@tidegate/1", transport=transport(client))`.

sentry-sdk goes on catching exceptions wherever its integrations do; its error events are published to Kafka. Its
transactions are left to Tidegate's own instrumentation, and its other items are counted as unsupported. What it gives
up itself, such as by its sample rate, is counted with its own quantities and reasons: nothing is lost without a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sentry_sdk.envelope import Envelope, Item
from sentry_sdk.transport import Transport

from tidegate.client import Client
from tidegate_schemas.canonical import canonical_json, canonical_object
from tidegate_schemas.reasons import Reason
from tidegate_schemas.sentry_discards import NOT_EVENTS, kind_of_category, reason_of

MAX_FRAMES = 100
LEVELS = frozenset(["fatal", "error", "warning", "info", "debug"])
_FRAME = ("module", "filename", "function", "lineno", "colno", "context_line", "in_app")
_NO_FINGERPRINT: tuple[list[str], ...] = ([], ["{{ default }}"], ["{{default}}"])


def transport(client: Client) -> type[Transport]:
    """A class for sentry-sdk's setting `transport`."""

    class TidegateTransport(Transport):
        """Publishes error events through the client."""

        def capture_envelope(self, envelope: Envelope) -> None:
            """See sentry-sdk; never raises."""
            for item in envelope.items:
                event = item.payload.json if item.headers.get("type") == "event" else None
                if isinstance(event, Mapping):
                    _publish(client, event)
                else:
                    _leave_out(client, item.data_category, Reason.UNSUPPORTED_ITEM, _records_of(item))

        def record_lost_event(
            self, reason: str, data_category: Any = None, item: Item | None = None, *, quantity: int = 1
        ) -> None:
            """See sentry-sdk: what it gives up itself. Its spans' count has a transaction's own among them."""
            if item is not None and item.data_category == "transaction":
                transaction = item.get_transaction_event() or {}
                data_category, quantity = "span", len(_values(transaction.get("spans"))) + 1
            elif item is not None:
                data_category, quantity = item.data_category, _records_of(item)
            elif data_category == "transaction":
                return
            _leave_out(client, str(data_category), reason_of(reason), quantity)

        def flush(self, timeout: float, callback: Any = None) -> None:
            """See sentry-sdk."""
            client.flush(timeout)

        def is_healthy(self) -> bool:
            """It queues, and Kafka's client tries again by itself."""
            return True

    return TidegateTransport


def _leave_out(client: Client, category: str, reason: Reason, quantity: int) -> None:
    if category not in NOT_EVENTS or reason is Reason.UNSUPPORTED_ITEM:
        client.leave_out(kind_of_category(category), reason, quantity=max(1, quantity))


def _records_of(item: Item) -> int:
    """How many records an item holds: containers tell it."""
    said = item.headers.get("item_count")
    return said if isinstance(said, int) and said > 0 else 1


def _publish(client: Client, event: Mapping[str, Any]) -> None:
    try:
        fields, who = error_fields(event), _who(event)
    except Exception as error:  # noqa: BLE001 - whatever an integration puts there, it costs its event and no more
        client.refuse("error", error)
    else:
        client.record("error", fields, who, len(fields["stack"]) + len(fields["breadcrumbs"]))


def error_fields(event: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of kind `error` of sentry-sdk's event; no local variables, no source around the line."""
    exception = (_values(event.get("exception")) or [{}])[-1]  # raised last; those before it are its causes
    mechanism = exception.get("mechanism") or {}
    trace = (event.get("contexts") or {}).get("trace") or {}
    transaction = str(event.get("transaction") or "")
    fingerprint = [str(part) for part in event.get("fingerprint") or []]
    level = event.get("level") or "error"
    return {
        "name": str(exception.get("type") or "message"),
        "message": str(exception.get("value") or "") if exception.get("type") else _message(event),
        "level": level if level in LEVELS else "error",
        "handled": mechanism.get("handled") is not False,
        "stack": canonical_json(_frames(exception.get("stacktrace") or {})),
        "fingerprint": "" if fingerprint in _NO_FINGERPRINT else canonical_json(fingerprint),
        "platform": str(event.get("platform") or ""),
        "route": transaction if transaction.startswith("/") else "",
        "method": str((event.get("request") or {}).get("method") or ""),
        "span_id": trace.get("span_id"),
        "trace_id": trace.get("trace_id"),
        "breadcrumbs": canonical_json(_values(event.get("breadcrumbs"))[-MAX_FRAMES:]),
        "properties": canonical_object({"tags": event.get("tags") or {}, "extra": event.get("extra") or {}}),
    }


def _who(event: Mapping[str, Any]) -> dict[str, Any]:
    user, request = event.get("user") or {}, event.get("request") or {}
    said = {"user_id": user.get("id"), "ip": user.get("ip_address"), "url": request.get("url")}
    return {name: str(value) for name, value in said.items() if value}


def _message(event: Mapping[str, Any]) -> str:
    entry = event.get("logentry") or {}
    return str(entry.get("formatted") or entry.get("message") or event.get("message") or "")


def _values(value: Any) -> list[Any]:
    """sentry-sdk wraps most lists in `{"values": […]}`."""
    inner = value.get("values") if isinstance(value, Mapping) else value
    return list(inner or [])


def _frames(stacktrace: Mapping[str, Any]) -> list[dict[str, Any]]:
    kept = list(stacktrace.get("frames") or [])[-MAX_FRAMES:]
    return [{name: frame[name] for name in _FRAME if frame.get(name) is not None} for frame in kept]
