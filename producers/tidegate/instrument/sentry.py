"""sentry-sdk without a Sentry: `sentry_sdk.init("http://key@tidegate/1", transport=transport(client))`.

sentry-sdk goes on catching exceptions wherever its integrations do; its error events are published to Kafka, as the
gateway would read them. Its transactions are left to Tidegate's own instrumentation, and its other items are counted as
unsupported. What it gives up itself, such as by its sample rate, is counted with its own quantities and reasons:
nothing is lost without a number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sentry_sdk.envelope import Envelope, Item
from sentry_sdk.transport import Transport

from tidegate.client import Client
from tidegate.foreign.sentry.contexts import attachment_of
from tidegate.foreign.sentry.events import error_fields
from tidegate.foreign.values import moment_of
from tidegate.instrument.adopting import adopted
from tidegate_schemas.canonical import canonical_json, canonical_object
from tidegate_schemas.reasons import Reason
from tidegate_schemas.sentry_discards import NOT_EVENTS, kind_of_category, reason_of


def transport(client: Client) -> type[Transport]:
    """A class for sentry-sdk's setting `transport`."""

    class TidegateTransport(Transport):
        """Publishes error events through the client."""

        def capture_envelope(self, envelope: Envelope) -> None:
            """See sentry-sdk; never raises."""
            _take(client, envelope)

        def record_lost_event(
            self, reason: str, data_category: Any = None, item: Item | None = None, *, quantity: int = 1
        ) -> None:
            """See sentry-sdk: what it gives up itself."""
            if item is not None:
                _leave_out(client, *_lost(item), reason_of(reason))
            elif data_category != "transaction":  # its spans' count, told besides, has the transaction's own among them
                _leave_out(client, str(data_category), quantity, reason_of(reason))

        def flush(self, timeout: float, callback: Any = None) -> None:
            """See sentry-sdk."""
            client.flush(timeout)

        def is_healthy(self) -> bool:
            """It queues, and Kafka's client tries again by itself."""
            return True

    return TidegateTransport


def _take(client: Client, envelope: Envelope) -> None:
    errors = [item for item in envelope.items if item.headers.get("type") == "event"]
    attached = [item for item in envelope.items if errors and item.headers.get("type") == "attachment"]
    for item in envelope.items:
        if item in errors:
            _publish(client, item, envelope.headers, attached)
        elif item not in attached:
            _leave_out(client, *_lost(item), Reason.UNSUPPORTED_ITEM)


def _lost(item: Item) -> tuple[str, int]:
    """The category and the number of what an item holds; a transaction's are its spans and its own."""
    if item.data_category != "transaction":
        return item.data_category, _records_of(item)
    return "span", len((item.get_transaction_event() or {}).get("spans") or []) + 1


def _leave_out(client: Client, category: str, quantity: int, reason: Reason) -> None:
    if category not in NOT_EVENTS or reason is Reason.UNSUPPORTED_ITEM:
        client.leave_out(kind_of_category(category), reason, quantity=max(1, quantity))


def _records_of(item: Item) -> int:
    """How many records an item holds: containers tell it."""
    said = item.headers.get("item_count")
    return said if isinstance(said, int) and said > 0 else 1


def _publish(client: Client, item: Item, header: Mapping[str, Any], attached: list[Item]) -> None:
    try:
        event = json.loads(item.payload.get_bytes())  # as the gateway would get it
        attachments = [attachment_of(each.headers, len(each.payload.get_bytes())) for each in attached]
        fields = error_event(event, header, attachments)
    except Exception as error:  # noqa: BLE001 - whatever an integration puts there, it costs its event and no more
        client.refuse("error", error)
    else:
        size = sum(len(fields[name]) for name in ("stack", "breadcrumbs", "properties"))
        client.record("error", adopted(client, fields), {}, size)


def error_event(
    event: Mapping[str, Any], header: Mapping[str, Any], attachments: list[dict[str, Any]]
) -> dict[str, Any]:
    """The fields of kind `error`, of an event and the header of its envelope. The clock is the process's own."""
    fields = error_fields(event, header, attachments)
    return {
        **fields,
        "occurred_at": moment_of(event.get("timestamp")),
        "stack": canonical_json(fields["stack"]),
        "breadcrumbs": canonical_json(fields["breadcrumbs"]),
        "properties": canonical_object(fields["properties"]),
    }
