"""Sampling: what is kept counts for what is left out, in everything that the stream makes of it."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from tests.property.stream.events import frame
from tests.unit.producers.recording import NOON, Recording

from tidegate import InvalidSettingError, Sampling
from tidegate_schemas.bounds import micros
from tidegate_schemas.reasons import Reason
from tidegate_schemas.subjects import PSEUDONYM_NAMES
from tidegate_schemas.topics import KINDS
from tidegate_stream.folds import all_folds, empty_state
from tidegate_stream.folds.fold import advance

MEASURES = (
    "count",
    "failures",
    "events",
    "pageviews",
    "requests",
    "client_errors",
    "server_errors",
    "exceptions",
    "sum_seconds",
    "increase",
)
RATE = 0.1
VISITORS = 1_000
ALWAYS = {"error_rates.span.server_errors", "error_rates.error.exceptions", "metrics.metric.increase"}
"""Measures of what is never sampled: equal to the event."""


def traffic(sampling: Sampling | None) -> Recording:
    """Visitors who all do the same: see, buy (one of four fails), and ask a server, which is sometimes broken."""
    moments = iter(NOON + timedelta(milliseconds=20 * number) for number in range(10_000_000))
    client = Recording(clock=lambda: next(moments), sampling=sampling, device=False, queue_events=100_000)
    for number in range(VISITORS):
        visitor: Any = {"anonymous_id": f"visitor-{number}", "session_id": f"s-{number}"}
        client.page("pricing", **visitor)
        for order in range(4):
            client.track("order_placed", {"feature": "cart", "failed": order == 3}, **visitor)
        for ask in range(3):
            broken, missing = number % 50 == 0 and ask == 0, ask == 1
            span: dict[str, Any] = {"name": "GET /cart", "operation": "request", "route": "/cart", "method": "GET"}
            span |= {"duration_seconds": 2.0 if ask == 2 and number % 10 == 0 else 0.05, "trace_id": f"{number:032x}"}
            span |= {"status": "error" if broken else "ok", "status_code": 500 if broken else 404 if missing else 200}
            client.record_span(span, visitor)
            if broken:
                client.error(ValueError("broken"), route="/cart", method="GET", **visitor)
        client.counter("orders").add()
    return client


def clean(event: Mapping[str, Any]) -> dict[str, Any]:
    """As the gate names fields; the pseudonyms are the ids themselves."""
    return {PSEUDONYM_NAMES.get(name, name): micros(value) for name, value in event.items()}


def folded(client: Recording, *, weighted: bool = True) -> dict[str, float]:
    """Sums of every measure of every fold, over all windows."""
    sums: dict[str, float] = {}
    by_kind = {kind: [clean(event) for event in client.of(kind)] for kind in KINDS}
    for fold in all_folds():
        events = frame(fold.kind, by_kind[fold.kind])  # type: ignore[index]
        if not weighted:
            events = events.with_columns(sample_rate=pl.lit(1.0))
        part, watermark = fold.partial(events, 0)
        _, changed = advance(fold, empty_state(fold), [part])
        rows = fold.output(changed, fold.expired(changed, watermark))
        for measure in set(MEASURES) & set(rows.columns):
            sums[f"{fold.name}.{fold.kind}.{measure}"] = float(rows[measure].fill_null(0).sum())
    return {name: value for name, value in sums.items() if value}


def far(whole: Mapping[str, float], estimate: Mapping[str, float], sigmas: float = 5) -> list[str]:
    """Measures that differ by more than chance explains. They are sums over at least VISITORS / 20 equal draws."""
    spread = math.sqrt((1 - RATE) / (RATE * VISITORS))
    allowed = {name: 0.001 * value if name in ALWAYS else sigmas * spread * value for name, value in whole.items()}
    return [name for name, value in whole.items() if abs(estimate.get(name, 0.0) - value) > allowed[name]]


@pytest.fixture(scope="module")
def whole() -> dict[str, float]:
    return folded(traffic(None))


@pytest.fixture(scope="module")
def sampled() -> Recording:
    rates = {"track": RATE, "span": RATE, "error:rare": RATE}
    return traffic(Sampling(rates, slow_seconds=1.0, random=random.Random(7).random))


def test_a_tenth_of_the_events_tells_what_all_of_them_do(whole: dict[str, float], sampled: Recording) -> None:
    assert len(whole) >= 12
    assert far(whole, folded(sampled)) == []


def test_without_their_weights_it_would_not(whole: dict[str, float], sampled: Recording) -> None:
    """The control."""
    unweighted = {"metrics.metric.count", "latencies.span.sum_seconds"}  # never sampled; mostly slow spans, always kept
    assert set(far(whole, folded(sampled, weighted=False))) - unweighted == set(whole) - ALWAYS - unweighted


def test_what_is_left_out_is_counted_as_sampled_and_numbered(sampled: Recording) -> None:
    kept = [event["sequence"] for kind in KINDS for event in sampled.of(kind)]
    sampled.flush()
    left_out = sampled.dropped[Reason.SAMPLED]
    assert left_out > 5_000
    told = sum(each["quantity"] for each in sampled.outcomes if each["reason"] == "sampled")
    assert told == left_out
    assert len(kept) + left_out == max(kept)


def test_visits_and_traces_are_kept_whole(sampled: Recording) -> None:
    by_visitor: dict[str, int] = {}
    for event in sampled.sent:
        by_visitor[event["anonymous_id"]] = by_visitor.get(event["anonymous_id"], 0) + 1
    assert set(by_visitor.values()) == {5}


def test_errors_and_slow_spans_are_kept_with_a_weight_of_one(sampled: Recording) -> None:
    spans = sampled.of("span")
    broken = [span["sample_rate"] for span in spans if span["status"] == "error"]
    slow = [span["sample_rate"] for span in spans if span["duration_seconds"] >= 1]
    assert broken == [1.0] * (VISITORS // 50)
    assert slow == [1.0] * (VISITORS // 10)
    assert len(sampled.of("error")) == VISITORS // 50


def test_a_name_goes_before_its_kind_and_links_and_consent_are_never_left_out() -> None:
    client = Recording(sampling=Sampling({"track": 1e-9, "track:page": 1.0}))
    client.page("page")
    client.track("rare")
    client.identify("42")
    client.consent("granted")
    assert [event["type"] + " " + event["name"] for event in client.sent] == [
        "page page",
        "identify identify",
        "track consent",
    ]


def test_a_rate_that_the_application_gave_multiplies() -> None:
    client = Recording(sampling=Sampling({"track": 0.5}, random=lambda: 0.0), device=False)
    client.track("seen", sample_rate=0.25)
    assert client.sent[0]["sample_rate"] == 0.125


@pytest.mark.parametrize("rates", [{"track": 0.0}, {"track": 1.5}, {"metric": 0.5}, {"page": 0.5}])
def test_a_rate_that_makes_no_sense_is_refused(rates: dict[str, float]) -> None:
    with pytest.raises(InvalidSettingError, match="sampling"):
        Sampling(rates)
