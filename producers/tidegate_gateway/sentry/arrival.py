"""What an item's mapping needs to know besides the item. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tidegate_gateway.values import instant
from tidegate_schemas.canonical import canonical_json
from tidegate_schemas.identity import derived_event_id, new_event_id

#: Only a clock that is off by more than this is corrected, as Sentry does it.
DRIFT = timedelta(minutes=1)


@dataclass(frozen=True)
class Arrival:
    """One envelope's (or request's) arrival: for which project, when, and what its header says."""

    project: str
    received_at: datetime
    sent_at: datetime | None = None
    header: Mapping[str, Any] = field(default_factory=dict)
    #: metadata of the envelope's attachments
    attachments: Sequence[Mapping[str, Any]] = ()

    def corrected(self, value: object, name: str) -> datetime:
        """The client's time; a clock that is off is put right by what it said when it sent. Raises RefusedError."""
        if value is None:
            return self.received_at
        moment = instant(value, name)
        drift = self.received_at - self.sent_at if self.sent_at else timedelta()
        return moment + drift if abs(drift) > DRIFT else moment

    def identity_of(self, what: str, payload: bytes, *place: str) -> str:
        """Event id of what has none: by its bytes and the envelope's header, so that the same envelope gives the same.

        Two processes may count alike and send the same bytes. Their headers tell them apart by `sent_at` or
        `event_id`; where a header has neither, each request is its own.
        """
        if not (self.header.get("sent_at") or self.header.get("event_id")):
            return new_event_id()
        digest = hashlib.sha256(payload).hexdigest()
        return derived_event_id(what, self.project, digest, canonical_json(self.header), *place)

    def name_of(self, what: str, payload: bytes, place: int) -> str:
        """Name of an item that is only counted: the same wherever and whenever its envelope is sent again.

        An envelope is known by its `event_id`, as a client that sends again may say anew when it does; one without is
        known by its whole header, as in `identity_of`.
        """
        event_id = self.header.get("event_id")
        if not isinstance(event_id, str):
            return self.identity_of(what, payload, str(place))
        digest = hashlib.sha256(payload).hexdigest()
        return derived_event_id(what, self.project, digest, event_id, str(place))
