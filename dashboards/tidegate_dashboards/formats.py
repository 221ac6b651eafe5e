"""Numbers as people read them. The browser's formatters in static/tidegate.js say the same."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

__all__ = ["ago", "byte_size", "compact", "duration", "endpoint", "percent", "when"]

THOUSANDS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e4, "k"))
NOTHING = "–"


def _digits(value: float) -> str:
    """Three significant digits, without trailing zeros, thousands separated."""
    if value == 0:
        return "0"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{min(decimals, 6)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def compact(value: float | None) -> str:
    """1234 → `1,234`; 1234567 → `1.23M`; None → `–`."""
    if value is None or math.isnan(value):
        return NOTHING
    for unit, letter in THOUSANDS:
        if abs(value) >= unit:
            return _digits(value / (1e3 if letter == "k" else unit)) + letter
    return f"{value:,.0f}" if float(value).is_integer() else _digits(value)


def percent(share: float | None) -> str:
    """0.0512 → `5.12%`; None → `–`."""
    if share is None or math.isnan(share):
        return NOTHING
    return _digits(round(share * 100, 2)) + "%"


def duration(seconds: float | None) -> str:
    """0.0123 → `12.3 ms`; 75 → `1 min 15 s`; None → `–`."""
    if seconds is None or math.isnan(seconds):
        return NOTHING
    if seconds < 1e-3:
        return _digits(seconds * 1e6) + " µs"
    if seconds < 0.9995:
        return _digits(seconds * 1e3) + " ms"
    if seconds < 60:
        return _digits(seconds) + " s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest if hours == 0 else 0, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def byte_size(size: float | None) -> str:
    """52400000 → `52.4 MB`; None → `–`."""
    if size is None or math.isnan(size):
        return NOTHING
    for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if abs(size) >= unit:
            return f"{_digits(size / unit)} {name}"
    return f"{size:.0f} B"


def when(text: str | None) -> datetime | None:
    """A time as ClickHouse writes it (UTC), aware; None for none or the epoch."""
    if not text or text.startswith("1970-01-01"):
        return None
    return datetime.fromisoformat(text.replace("Z", "") + "+00:00")


def ago(then: datetime | None, now: datetime) -> str:
    """How long ago, in one unit: `just now`, `42 s ago`, `3 min ago`, `2 h ago`, `5 d ago`."""
    if then is None:
        return NOTHING
    passed = max(now - then, timedelta())
    for unit, name in ((timedelta(days=1), "d"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "min")):
        if passed >= unit:
            return f"{passed // unit} {name} ago"
    return "just now" if passed < timedelta(seconds=5) else f"{passed // timedelta(seconds=1)} s ago"


def endpoint(method: str, route: str) -> str:
    """`GET /agents/{slug}`; requests without a route are `(no route)`."""
    return f"{method} {route or '(no route)'}".strip()
