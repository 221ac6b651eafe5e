"""The closed list of named reasons: why something that was sent did not become a clean event."""

from enum import StrEnum

__all__ = ["DOCS", "Reason"]


class Reason(StrEnum):
    """Why an event was refused, dropped or dead-lettered; `Reason.doc` says it in one sentence."""

    doc: str

    def __new__(cls, value: str, doc: str) -> "Reason":
        """Join the wire name with its sentence."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.doc = doc
        return member

    MALFORMED_JSON = (
        "malformed_json",
        "JSON text that can't be parsed, or isn't the kind of value that belongs there.",
    )
    MALFORMED_AVRO = "malformed_avro", "The bytes aren't exactly one record of the Avro schema that they claim."
    MALFORMED_ENVELOPE = "malformed_envelope", "The outer framing of a payload or record can't be read."
    UNKNOWN_SCHEMA = "unknown_schema", "The schema fingerprint or id is none of our own versions."
    UNOPENABLE = (
        "unopenable",
        "The record is sealed, and none of the gate's keys opens it, or it isn't as it was sealed any more.",
    )
    UNKNOWN_KIND = "unknown_kind", "The event is of a kind or type that Tidegate doesn't have."
    MISSING_FIELD = "missing_field", "A field that every such event must carry is absent."
    INVALID_FIELD = "invalid_field", "A field's value breaks the bounds that its doc states."
    OVERSIZE = "oversize", "The record or payload is larger than the limit."
    UNAUTHORISED = "unauthorised", "The write key is unknown or absent."
    RATE_LIMITED = "rate_limited", "The write key sent more than it may; the same request is taken later."
    CONSENT_DENIED = "consent_denied", "The person denied consent to analytics."
    CONSENT_WITHDRAWN = (
        "consent_withdrawn",
        "The person withdrew consent after the event, or had not given it again when the event happened.",
    )
    DUPLICATE = "duplicate", "An event with the same event_id has been taken before."
    ERASED = "erased", "The person had their events erased, and this one is from before that."
    PLAN_VIOLATION = "plan_violation", "The event breaks the tracking plan that its application registered."
    SAMPLED = "sampled", "The client left the event out by its sample rate."
    UNSUPPORTED_ITEM = "unsupported_item", "A foreign protocol's item that has no place in Tidegate."
    QUEUE_FULL = "queue_full", "The producer's queue or spool was full."
    HELD_BACK = "held_back", "The client held the event back, as a rate limit had told it to."
    NETWORK_ERROR = "network_error", "The client could not send the event, or was refused, and gave it up."
    FILTERED = "filtered", "The application's own rules left the event out."
    CLIENT_ERROR = "client_error", "The client dropped the event for a reason of its own, a fault in it among them."
    UNDELIVERABLE = "undeliverable", "Kafka didn't take the record within the retries."
    UNANSWERED = (
        "unanswered",
        "The gateway ended before Kafka had acknowledged the event; its sender got no answer, and sends again.",
    )
    DISCARDED = "discarded", "Somebody looked at the dead letter and let it go."


DOCS: dict[str, str] = {reason.value: reason.doc for reason in Reason}
"""Sentence of each reason, by its wire name: the glossary's table is made from this."""
