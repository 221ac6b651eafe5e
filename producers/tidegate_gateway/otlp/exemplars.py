"""Exemplars of a metric's point: from a number to traces that it was measured in. Pure."""

from __future__ import annotations

import math
from typing import Any

from tidegate_schemas.canonical import canonical_json

MAX_EXEMPLARS = 4
_LOOKED_AT = 1_024


def exemplars(point: Any) -> str:
    """Those with a trace, the highest values first, as a JSON array of `at` (µs), `span_id`, `trace_id` and `value`."""
    found = [_told(exemplar) for exemplar in getattr(point, "exemplars", [])[:_LOOKED_AT] if any(exemplar.trace_id)]
    good = [told for told in found if len(told["trace_id"]) == 32 and math.isfinite(told["value"])]
    good.sort(key=lambda told: (-told["value"], told["trace_id"], told["span_id"]))
    return canonical_json(good[:MAX_EXEMPLARS])


def _told(exemplar: Any) -> dict[str, Any]:
    return {
        "at": exemplar.time_unix_nano // 1_000,
        "span_id": exemplar.span_id.hex() if len(exemplar.span_id) == 8 else "",
        "trace_id": exemplar.trace_id.hex(),
        "value": float(exemplar.as_int if exemplar.WhichOneof("value") == "as_int" else exemplar.as_double),
    }
