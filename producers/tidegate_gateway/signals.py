"""What GPC or DNT leaves of events of Segment's, Sentry's and OpenTelemetry's clients. Pure.

They name whoever the application told them, in fields, and in texts about these. Both end here.
"""

from __future__ import annotations

from tidegate.foreign.nameless import without_ids
from tidegate_gateway.consent import consent_of
from tidegate_gateway.intake import Batch, Event
from tidegate_gateway.turns import Slices
from tidegate_schemas.networks import truncated_ip
from tidegate_schemas.topics import Kind


def without_consent(batch: Batch) -> Slices[Batch]:
    """Make all events of a request whose browser sends a signal anonymous: as the other protocols' are."""
    for place, (kind, event) in enumerate(batch.events):
        yield
        batch.events[place] = kind, nameless(kind, event)
    return batch


def nameless(kind: Kind, event: Event) -> Event:
    """An event without ids, in fields and texts, and without traits; of the address its network is left."""
    network = {} if kind == "metric" else {"ip": truncated_ip(event.get("ip") or "")}
    traits = {"traits": "{}"} if "traits" in event else {}
    consent = consent_of(event.get("consent"), signal=True)
    return {**without_ids(kind, event), **traits, **network, "consent": consent}
