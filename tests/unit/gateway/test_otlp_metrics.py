"""Every kind of OTLP point as metric events: buckets, summaries, exemplars, points without a value."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    DataPointFlags,
    ExponentialHistogramDataPoint,
    Metric,
)

from tidegate.foreign.otel.buckets import explicit
from tidegate_gateway.intake import Batch, Event
from tidegate_gateway.otlp.points import exponential_of, metric_batch
from tidegate_gateway.turns import at_once
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import raw_schema
from tidegate_stream.gate.validity import rules

AT = 1_772_366_400_000_000_000
DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE


def taken(**data: Any) -> Batch:
    request = ExportMetricsServiceRequest()
    request.resource_metrics.add().scope_metrics.add().metrics.append(Metric(name="m", unit="s", **data))
    return at_once(metric_batch(request, "default"))


def point(**more: Any) -> dict[str, Any]:
    return {"time_unix_nano": AT, "start_time_unix_nano": AT - 10**9, **more}


def events(**data: Any) -> list[Event]:
    batch = taken(**data)
    assert batch.bad == []
    return [event for _, event in batch.events]


@pytest.mark.parametrize(
    ("monotonic", "temporality", "instrument", "said"),
    [
        (True, DELTA, "counter", "delta"),
        (True, CUMULATIVE, "counter", "cumulative"),
        (False, DELTA, "counter", "delta"),
        (False, CUMULATIVE, "gauge", None),
    ],
)
def test_a_sum_is_a_counter_unless_it_is_a_level(
    monotonic: bool, temporality: int, instrument: str, said: str | None
) -> None:
    sum_ = {"data_points": [point(as_int=7)], "is_monotonic": monotonic, "aggregation_temporality": temporality}
    (event,) = events(sum=sum_)
    assert (event["instrument"], event.get("temporality"), event["value"]) == (instrument, said, 7.0)


def test_an_exponential_histogram_keeps_negative_zero_and_positive_values_apart() -> None:
    buckets = {
        "positive": {"offset": 1, "bucket_counts": [3, 0, 4]},
        "negative": {"offset": 0, "bucket_counts": [5, 6]},
    }
    shaped = ExponentialHistogramDataPoint(scale=0, zero_count=2, **buckets)  # type: ignore[arg-type]
    bounds, counts = explicit(exponential_of(shaped))
    assert bounds == [-4.0, -2.0, -1.0, 0.0, 2.0, 4.0, 8.0, 16.0]
    assert counts == [0, 6, 5, 2, 0, 3, 0, 4, 0]


def test_a_zero_threshold_widens_the_bucket_about_zero() -> None:
    positive = ExponentialHistogramDataPoint.Buckets(offset=0, bucket_counts=[1])
    narrow = ExponentialHistogramDataPoint(scale=0, zero_count=2, zero_threshold=0.5, positive=positive)
    assert explicit(exponential_of(narrow)) == ([0.5, 1.0, 2.0], [2, 0, 1, 0])
    wide = ExponentialHistogramDataPoint(scale=0, zero_count=2, zero_threshold=1.0, positive=positive)
    assert explicit(exponential_of(wide)) == ([1.0, 2.0], [2, 1, 0])


COUNTS = st.lists(st.integers(0, 1000), max_size=20)


@given(st.integers(-3, 6), st.integers(-40, 40), COUNTS, st.integers(-40, 40), COUNTS, st.integers(0, 9))
def test_no_value_is_lost_and_bounds_ascend(
    scale: int, above: int, positive: list[int], below: int, negative: list[int], zero: int
) -> None:
    shaped = ExponentialHistogramDataPoint(scale=scale, zero_count=zero)
    shaped.positive.offset, shaped.negative.offset = above, below
    shaped.positive.bucket_counts.extend(positive)
    shaped.negative.bucket_counts.extend(negative)
    bounds, counts = explicit(exponential_of(shaped))
    assert sum(counts) == sum(positive) + sum(negative) + zero
    assert len(counts) == len(bounds) + 1
    assert sorted(set(bounds)) == bounds
    assert sum(counts[: bounds.index(max(b for b in bounds if b <= 0)) + 1]) == sum(negative) + zero


@pytest.mark.parametrize("scale", [-20, 2_000_000, -2_000_000_000])
def test_buckets_beyond_all_numbers_are_refused(scale: int) -> None:
    data = {"data_points": [point(scale=scale, count=1, positive={"offset": 900, "bucket_counts": [1]})]}
    batch = taken(exponential_histogram={**data, "aggregation_temporality": DELTA})
    assert [bad.problem.field for bad in batch.bad] == ["scale"]


def test_a_summary_is_a_gauge_a_quantile_and_counters_of_count_and_sum() -> None:
    quantiles = [
        {"quantile": 0.5, "value": 1.0},
        {"quantile": 0.99, "value": 4.5},
        {"quantile": 1, "value": float("nan")},
    ]
    found = events(summary={"data_points": [point(count=10, sum=12.5, quantile_values=quantiles)]})
    told = [(event["name"], event["instrument"], event["attributes"], event["value"]) for event in found]
    assert told == [
        ("m_count", "counter", "{}", 10.0),
        ("m_sum", "counter", "{}", 12.5),
        ("m", "gauge", '{"quantile":"0.5"}', 1.0),
        ("m", "gauge", '{"quantile":"0.99"}', 4.5),
    ]
    assert len({event["event_id"] for event in found}) == 4


def test_a_point_that_says_that_it_has_no_value_is_none() -> None:
    flags = DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
    batch = taken(gauge={"data_points": [point(flags=flags), point(as_double=2.5)]})
    assert [event["value"] for _, event in batch.events] == [2.5]
    assert (batch.bad, dict(batch.dropped)) == ([], {})


def test_the_highest_exemplars_with_a_trace_are_kept_and_the_gate_takes_them() -> None:
    traced = {0.5: b"\x01", 3.25: b"\x03", 1e-7: b"\x04", 1e22: b"\x05", float("nan"): b"\x06", -2.0: b"\x07", 9.0: b""}
    given_ = [
        {"time_unix_nano": AT, "as_double": value, "trace_id": byte * 16, "span_id": b"\x02" * 8}
        for value, byte in traced.items()
    ]
    shape = {"count": 3, "sum": 1.0, "exemplars": given_, "bucket_counts": [3]}
    (event,) = events(histogram={"data_points": [point(**shape)], "aggregation_temporality": DELTA})
    kept = json.loads(event["exemplars"])
    assert [(each["value"], each["trace_id"][:2]) for each in kept] == [
        (1e22, "05"),
        (3.25, "03"),
        (0.5, "01"),
        (1e-7, "04"),
    ]
    (rule,) = [rule for rule in rules("metric") if rule.field == "exemplars"]
    assert rule.holds(event["exemplars"])
    assert rule.holds("[]")
    assert not rule.holds(event["exemplars"].replace("1e-07", '"jane@example.org"'))


def test_an_event_of_each_kind_of_point_fits_the_schema() -> None:
    codec = RowCodec(raw_schema("metric"))
    histogram = {"data_points": [point(count=1, bucket_counts=[1])], "aggregation_temporality": DELTA}
    for event in [*events(gauge={"data_points": [point(as_int=1)]}), *events(histogram=histogram)]:
        envelope = {"producer_id": "p", "project": "default", "received_at": event["occurred_at"]}
        assert codec.decode(codec.encode({**event, **envelope}))["exemplars"] == "[]"
