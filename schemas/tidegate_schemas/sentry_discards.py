"""What Sentry's clients say of what they give up, in our words: reasons, and categories of what was to be sent."""

from __future__ import annotations

from collections.abc import Mapping

from tidegate_schemas.reasons import Reason

REASONS: Mapping[str, Reason] = {
    "sample_rate": Reason.SAMPLED,
    "backpressure": Reason.SAMPLED,
    "queue_overflow": Reason.QUEUE_FULL,
    "cache_overflow": Reason.QUEUE_FULL,
    "buffer_overflow": Reason.QUEUE_FULL,
    "ratelimit_backoff": Reason.HELD_BACK,
    "network_error": Reason.NETWORK_ERROR,
    "send_error": Reason.NETWORK_ERROR,
    "before_send": Reason.FILTERED,
    "event_processor": Reason.FILTERED,
    "ignored": Reason.FILTERED,
    "insufficient_data": Reason.FILTERED,
    "no_parent_span": Reason.FILTERED,
    "invalid": Reason.FILTERED,
    "internal_sdk_error": Reason.CLIENT_ERROR,
}
"""Our word for each reason of Sentry's; any other is `client_error`."""
KINDS: Mapping[str, str] = {
    "default": "error",
    "error": "error",
    "security": "error",
    "transaction": "span",
    "span": "span",
    "span_indexed": "span",
    "session": "health",
    "monitor": "health",
    "feedback": "health",
    "user_report_v2": "health",
    "log_item": "log",
}
"""Kind of what a category counts."""
NOT_EVENTS = frozenset({"attachment", "log_byte", "trace_metric_byte", "profile_duration", "profile_duration_ui"})
"""Categories that count bytes or milliseconds."""
OTHERS = frozenset(
    {"profile", "profile_chunk", "profile_chunk_ui", "replay", "metric_bucket", "statsd", "trace_metric", "internal"}
)


def kind_of_category(category: str) -> str:
    """One of our kinds, else `sentry.` and Sentry's own name; a name that we don't know is `sentry.other`."""
    return KINDS.get(category) or f"sentry.{category if category in OTHERS else 'other'}"


def reason_of(reason: str) -> Reason:
    """Our word for a reason."""
    return REASONS.get(reason, Reason.CLIENT_ERROR)
