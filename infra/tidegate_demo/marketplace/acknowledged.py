"""Which events the gateway has said yes to, by the ids that their own protocols give them."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from itertools import islice

from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.trace import ReadableSpan


class Acknowledged:
    """A list that one reader follows; what it has read is forgotten. Thread-safe. `keep` False: nothing is kept."""

    def __init__(self, *, keep: bool) -> None:
        self._keep, self._lock = keep, threading.Lock()
        self._begin = 0
        self._keys: list[tuple[str, str]] = []

    def add(self, kind: str, keys: Iterable[str]) -> None:
        """The gateway answered 200 for these events of a kind."""
        if self._keep:
            with self._lock:
                self._keys.extend((kind, key) for key in keys)

    def since(self, number: int, most: int = 5_000) -> tuple[int, list[tuple[str, str]]]:
        """Kind and key of those from `number` on, and the number to ask for next. Those before it are forgotten."""
        with self._lock:
            del self._keys[: max(0, number - self._begin)]
            self._begin = max(self._begin, number)
            found = list(islice(self._keys, most))
        return self._begin + len(found), found


def span_keys(spans: Iterable[ReadableSpan]) -> list[str]:
    """Trace id and span id of each, in hexadecimal, with a colon between them."""
    contexts = [span.context for span in spans]
    return [f"{context.trace_id:032x}:{context.span_id:016x}" for context in contexts if context]


def point_keys(metrics_data: MetricsData) -> list[str]:
    """The time of each point in microseconds: points have no id of their own, but those of one time can be counted."""
    return [
        str(point.time_unix_nano // 1_000)
        for resource in metrics_data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    ]
