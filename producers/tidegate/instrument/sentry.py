"""sentry-sdk without a Sentry: `sentry_sdk.init("http://key@tidegate/1", transport=transport(client))`.

sentry-sdk goes on catching exceptions wherever its integrations do; its error events are published to Kafka, as the
gateway would read them. Its transactions are left to Tidegate's own instrumentation, and its other items are counted as
unsupported, so that nothing is lost without a number.
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


def transport(client: Client) -> type[Transport]:
    """A class for sentry-sdk's setting `transport`."""

    class TidegateTransport(Transport):
        """Publishes error events through the client."""

        def capture_envelope(self, envelope: Envelope) -> None:
            """See sentry-sdk; never raises."""
            errors = [item for item in envelope.items if item.headers.get("type") == "event"]
            attached = [item for item in envelope.items if errors and item.headers.get("type") == "attachment"]
            for item in envelope.items:
                if item in errors:
                    _publish(client, item, envelope.headers, attached)
                elif item not in attached:
                    client.leave_out("error", Reason.UNSUPPORTED_ITEM)

        def flush(self, timeout: float, callback: Any = None) -> None:
            """See sentry-sdk."""
            client.flush(timeout)

        def is_healthy(self) -> bool:
            """It queues, and Kafka's client tries again by itself."""
            return True

    return TidegateTransport


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
