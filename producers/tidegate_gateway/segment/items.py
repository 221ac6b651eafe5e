"""The calls of one request, sorted out: good ones are events, bad ones are named. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from tidegate_gateway.consent import is_decision
from tidegate_gateway.errors import RefusedError
from tidegate_gateway.intake import Batch
from tidegate_gateway.segment.mapping import Request, to_event
from tidegate_gateway.turns import Slices
from tidegate_gateway.values import kind_name
from tidegate_schemas.canonical import canonical_json
from tidegate_schemas.reasons import Reason

PROTOCOL = "segment"


def sort_out(items: Sequence[Any], request: Request, first_index: int, max_event_bytes: int) -> Slices[Batch]:
    """Good calls as events, bad ones with their problem and their place, counted from `first_index`."""
    batch = Batch(PROTOCOL)
    for index, item in enumerate(items, first_index):
        yield
        payload = as_json(item)
        try:
            if not isinstance(item, dict):
                raise RefusedError(Reason.INVALID_FIELD, f"batch[{index}]", f"must be an object, is {kind_name(item)}")
            if len(payload) > max_event_bytes:
                message = f"has {len(payload)} bytes as JSON, and may have {max_event_bytes}"
                raise RefusedError(Reason.OVERSIZE, f"batch[{index}]", message)
            event = to_event(item, request)
            if event["consent"] == "denied" and not is_decision(event):
                batch.dropped["track", Reason.CONSENT_DENIED] += 1
            else:
                batch.events.append(("track", event))
        except RefusedError as error:
            batch.refuse(index, error, payload)
    return batch


def rejections(batch: Batch, items: Sequence[Any], first_index: int) -> list[dict[str, Any]]:
    """The bad calls for the answer: their place, the sender's own id if there is one, reason, field and message."""
    named = []
    for bad in batch.rejected:
        place = bad["index"] - first_index
        named.append({**bad, **_message_id(items[place] if 0 <= place < len(items) else None)})
    return named


def as_json(value: Any) -> bytes:
    """A value that was read from JSON, as JSON again; what is nested too deep for that without its depths."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return canonical_json(value).encode()


def _message_id(item: Any) -> Mapping[str, str]:
    message_id = item.get("messageId") if isinstance(item, dict) else None
    return {"messageId": message_id[:256]} if isinstance(message_id, str) and message_id else {}
