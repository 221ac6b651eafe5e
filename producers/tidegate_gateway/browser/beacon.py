"""A beacon: what one page numbered, left out and was about to be gone with. Pure.

A page numbers its events from 1, those that it leaves out too. `dropped` has the numbers of these by kind and reason,
in numbered reports, and `closed` is the last number at the time when the page was hidden or left. What a beacon says is
the same when it is sent again, so each part counts once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from tidegate.foreign.nameless import without_ids
from tidegate.foreign.values import mapping, optional, text
from tidegate_gateway.browser.events import KINDS
from tidegate_gateway.consent import consent_of, is_decision
from tidegate_gateway.errors import RefusedError
from tidegate_gateway.intake import BadItem, Batch, Event, Report
from tidegate_gateway.values import instant, kind_name
from tidegate_schemas.networks import truncated_ip
from tidegate_schemas.reasons import Reason
from tidegate_schemas.topics import Kind

PROTOCOL = "browser"
MAX_ITEMS = 1_000
MAX_COUNT = 1 << 31
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_PRODUCER = re.compile(r"[0-9a-f]{32}")
_REASONS = frozenset(
    {
        Reason.CONSENT_DENIED,
        Reason.INVALID_FIELD,
        Reason.OVERSIZE,
        Reason.QUEUE_FULL,
        Reason.SAMPLED,
        Reason.UNDELIVERABLE,
    }
)
#: Names of a person, a device or a visit: not taken without consent, nor for measurements, which are nobody's.
_IDS = {"user_id": "userId", "anonymous_id": "anonymousId", "session_id": "sessionId"}


class Beacon:
    """One body, with what the request says of the browser."""

    def __init__(
        self, body: Mapping[str, Any], received_at: datetime, user_agent: str, *, signal: bool, address: str = ""
    ) -> None:
        self._body, self._signal = body, signal
        self._network = truncated_ip(address)
        self._received_at = received_at
        self._sent_at = instant(body["sentAt"], "sentAt") if body.get("sentAt") else None
        self.producer_id = _producer_id(body)
        context = mapping(body.get("context"))
        self._shared = {
            "producer_id": self.producer_id,
            "user_agent": user_agent or None,
            **{name: text(context, name) for name in ("environment", "release", "service")},
        }

    def batch(self, max_event_bytes: int) -> Batch:
        """Good events, bad ones with their problem, and the page's own counts. Raises RefusedError."""
        batch = Batch(PROTOCOL, reports=self._reports())
        for index, item in enumerate(_array(self._body, "events")):
            payload = orjson.dumps(item)
            try:
                if len(payload) > max_event_bytes:
                    raise RefusedError(Reason.OVERSIZE, f"events[{index}]", f"exceeds {max_event_bytes} bytes")
                kind, event = self._event(index, item)
                if event["consent"] == "denied" and not is_decision(event):
                    batch.reports.append(self._denied(kind, event["sequence"]))
                else:
                    batch.events.append((kind, event))
            except RefusedError as error:
                batch.bad.append(BadItem(index, error.problem, payload, self.producer_id, _number_of(item)))
        return batch

    def _denied(self, kind: Kind, sequence: int) -> Report:
        """What the page should have kept to itself."""
        reason = Reason.CONSENT_DENIED.value
        return Report(self.producer_id, f"denied-{sequence}", kind, "dropped", reason, 1, (sequence, sequence))

    def _event(self, index: int, item: Any) -> tuple[Kind, Event]:
        if not isinstance(item, dict):
            raise RefusedError(Reason.INVALID_FIELD, f"events[{index}]", f"must be an object, is {kind_name(item)}")
        kind = next((kind for kind in KINDS if kind == item.get("kind")), None)
        if kind is None:
            raise RefusedError(Reason.UNKNOWN_KIND, "kind", f"must be one of {', '.join(KINDS)}")
        consent = consent_of(item.get("consent"), signal=self._signal)
        event = {**self._shared, **self._envelope(item), **KINDS[kind](item), "consent": consent}
        # A withdrawal has to say whose it is; the gate reads that and passes nothing on.
        withdraws = consent == "denied" and is_decision(event)
        ids = {} if kind == "metric" else {name: optional(item, said) for name, said in _IDS.items()}
        if ids and (consent in {"granted", "unknown"} or withdraws):
            event |= ids
        else:
            event.pop("traits", None)
            if any(ids.values()):  # our own page sends none; the gate, told none, would leave them in texts
                event = without_ids(kind, {**event, **ids})
        if consent == "anonymous" and kind != "metric":
            event["ip"] = self._network  # never the whole address: by it the gate tells visitors of one day apart
        return kind, event

    def _envelope(self, item: Mapping[str, Any]) -> Event:
        event_id, rate = text(item, "id"), item.get("sampleRate", 1.0)
        if not _ID.fullmatch(event_id):
            raise RefusedError(Reason.INVALID_FIELD, "id", "must be a UUID")
        if not isinstance(rate, int | float) or isinstance(rate, bool) or not 0 < rate <= 1:
            raise RefusedError(Reason.INVALID_FIELD, "sampleRate", "must be above 0 and at most 1")
        return {
            "event_id": event_id.lower(),
            "sequence": _count(item, "sequence"),
            "occurred_at": self._occurred_at(item),
            "sample_rate": float(rate),
            "url": optional(item, "url"),
            "referrer": optional(item, "referrer"),
        }

    def _occurred_at(self, item: Mapping[str, Any]) -> datetime:
        """By how long before the sending it was, so that a wrong clock falls out of it."""
        if item.get("at") is None:
            return self._received_at
        at = instant(item["at"], "at")
        return self._received_at - (self._sent_at - at) if self._sent_at else at

    def _reports(self) -> list[Report]:
        reports = []
        for dropped in map(mapping, _array(self._body, "dropped")):
            number = str(_count(dropped, "report", "dropped."))
            reports += [self._report(number, mapping(entry)) for entry in _array(dropped, "counts", "dropped.")]
        if self._body.get("closed") is not None:
            last = _count(self._body, "closed", low=0)
            reports.append(Report(self.producer_id, str(last), "", "closed", "closed", last))
        return reports

    def _report(self, number: str, entry: Mapping[str, Any]) -> Report:
        kind, reason = text(entry, "kind"), text(entry, "reason")
        if kind not in KINDS or reason not in _REASONS:
            allowed = ", ".join(sorted(_REASONS))
            message = f"kind must be one of {', '.join(KINDS)}, and reason one of {allowed}"
            raise RefusedError(Reason.INVALID_FIELD, "dropped.counts", message)
        spans = tuple(_array(entry, "sequences", "dropped.counts."))
        if not spans or len(spans) % 2 or not all(_is_number(each) for each in spans) or list(spans) != sorted(spans):
            message = "must be pairs of first and last number, ascending"
            raise RefusedError(Reason.INVALID_FIELD, "dropped.counts.sequences", message)
        quantity = sum(last - first + 1 for first, last in zip(spans[::2], spans[1::2], strict=True))
        return Report(self.producer_id, number, kind, "dropped", reason, quantity, spans)


def _producer_id(body: Mapping[str, Any]) -> str:
    """The page's random id, under a name that no other kind of producer has: a page can't pass for a process."""
    producer = text(body, "producerId")
    if not _PRODUCER.fullmatch(producer):
        raise RefusedError(Reason.INVALID_FIELD, "producerId", "must be 32 hexadecimal digits")
    return f"browser:{producer}"


def _array(source: Mapping[str, Any], field: str, within: str = "") -> list[Any]:
    value = source.get(field, [])
    if not isinstance(value, list) or len(value) > MAX_ITEMS:
        raise RefusedError(Reason.INVALID_FIELD, f"{within}{field}", f"must be an array of at most {MAX_ITEMS}")
    return value


def _count(source: Mapping[str, Any], field: str, within: str = "", low: int = 1) -> int:
    value = source.get(field)
    if not _is_number(value, low):
        raise RefusedError(Reason.INVALID_FIELD, f"{within}{field}", f"must be a whole number from {low} to 2^31")
    return int(value or 0)


def _is_number(value: object, low: int = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value < MAX_COUNT


def _number_of(item: object) -> int:
    """The number of an event that is refused for something else; 0 if it has none."""
    number = mapping(item).get("sequence")
    return int(number or 0) if _is_number(number) else 0
