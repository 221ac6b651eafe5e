"""A page's events as ours, by kind. Pure.

A measurement (a web vital, say) becomes a histogram of one value, not a gauge: of a gauge `analytics.metric_windows`
keeps the extremes, the last value and the sum, of a histogram a sketch that merges exactly over pages and time, so that
a 75th percentile can be asked for. Its one bucket is narrow, so the sketch is as exact as it is for spans.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from tidegate.foreign.values import http_method, mapping, text
from tidegate_gateway.browser.stack import frames
from tidegate_gateway.errors import RefusedError
from tidegate_gateway.intake import Event
from tidegate_schemas.canonical import canonical_json, canonical_object
from tidegate_schemas.reasons import Reason
from tidegate_schemas.topics import Kind

TYPES = frozenset({"track", "page", "identify"})
MAX_VALUE = 1e9
_BUCKET_WIDTH = 1e-3


def track(item: Mapping[str, Any]) -> Event:
    """A product event, a page view or an identification."""
    kind, properties = text(item, "type", default="track"), mapping(item.get("properties"))
    if kind not in TYPES:
        raise RefusedError(Reason.UNKNOWN_KIND, "type", f"must be one of {', '.join(sorted(TYPES))}")
    return {
        "type": kind,
        "name": _name(item),
        "properties": canonical_object(properties),
        "traits": canonical_object(mapping(item.get("traits"))),
        "feature": text(properties, "feature"),
        "agent": text(properties, "agent"),
        "failed": properties.get("failed") is True or properties.get("success") is False,
    }


def error(item: Mapping[str, Any]) -> Event:
    """An exception or an unhandled rejection; the stack is the engine's own text."""
    return {
        "name": _name(item),
        "message": text(item, "message"),
        "handled": item.get("handled") is not False,
        "stack": canonical_json(frames(text(item, "stack"))),
        "platform": "javascript",
        "route": text(item, "route"),
        "properties": canonical_object(mapping(item.get("properties"))),
    }


def span(item: Mapping[str, Any]) -> Event:
    """A request as the page saw it. `route` is the address without what differs from one visit to the next."""
    code = item.get("statusCode")
    status_code = code if isinstance(code, int) and 100 <= code <= 599 else 0
    return {
        "name": _name(item),
        "operation": "client",
        "duration_seconds": _number(item, "durationSeconds"),
        "status": "error" if status_code >= 400 or item.get("failed") is True else "ok",
        "status_code": status_code,
        "route": text(item, "route"),
        "method": http_method(item, "method"),
        "properties": canonical_object(mapping(item.get("properties"))),
    }


def metric(item: Mapping[str, Any]) -> Event:
    """One measured value, of all pages' values."""
    value = _number(item, "value")
    low, high = value * (1 - _BUCKET_WIDTH), value * (1 + _BUCKET_WIDTH)
    narrow = 0 < low < value < high
    return {
        "name": _name(item),
        "instrument": "histogram",
        "temporality": "delta",
        "unit": text(item, "unit"),
        "count": 1,
        "sum": value,
        "bucket_bounds": [low, high] if narrow else [0.0],
        "bucket_counts": [0, 1, 0] if narrow else [1, 0],
        "attributes": canonical_object(mapping(item.get("attributes"))),
    }


#: Own fields of each kind, from an item of a beacon. Each raises RefusedError.
KINDS: Mapping[Kind, Callable[[Mapping[str, Any]], Event]] = {
    "track": track,
    "error": error,
    "span": span,
    "metric": metric,
}


def _name(item: Mapping[str, Any]) -> str:
    name = text(item, "name")
    if not name:
        raise RefusedError(Reason.MISSING_FIELD, "name", "must be given")
    return name


def _number(item: Mapping[str, Any], field: str) -> float:
    value = item.get(field)
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not good or not 0 <= float(value or 0) <= MAX_VALUE:
        raise RefusedError(Reason.INVALID_FIELD, field, f"must be a number from 0 to {MAX_VALUE:g}")
    return float(value or 0)
