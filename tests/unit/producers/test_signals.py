"""Errors, spans and metrics: what calls about them become; one numbering for all kinds."""

from __future__ import annotations

import asyncio
import json
from itertools import count
from typing import Any

import pytest
from tests.unit.producers.recording import NOON, Recording

from tidegate_schemas.bounds import broken_bound


def failing() -> None:
    raise ValueError("seven is too many")


def test_an_exception_has_its_type_text_and_stack() -> None:
    client = Recording()
    try:
        failing()
    except ValueError as error:
        client.error(error, handled=False, fingerprint="too-many", properties={"size": 7}, user_id="42")
    (event,) = client.of("error")
    assert (event["name"], event["message"], event["level"], event["handled"]) == (
        "ValueError",
        "seven is too many",
        "error",
        False,
    )
    outer, inner = json.loads(event["stack"])
    assert (outer["function"], inner["function"]) == (
        "test_an_exception_has_its_type_text_and_stack",
        "failing",
    )
    assert (inner["module"], inner["in_app"]) == (__name__, True)
    assert inner["context_line"] == 'raise ValueError("seven is too many")'
    assert (event["fingerprint"], event["properties"], event["user_id"]) == ("too-many", '{"size":7}', "42")
    assert broken_bound(event) is None


def test_frames_of_libraries_are_none_of_the_application() -> None:
    client = Recording()
    try:
        json.loads("{")
    except ValueError as error:
        client.error(error)
    stack = json.loads(client.of("error")[0]["stack"])
    assert [frame["in_app"] for frame in stack] == [True, *[False] * (len(stack) - 1)]
    assert len(stack) > 1


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("secret")


def test_an_exception_without_a_text_and_a_mere_message_are_errors_too() -> None:
    client = Recording()
    client.error(UnprintableError())
    client.error("stock is low", level="warning")
    unprintable, message = client.of("error")
    assert unprintable["message"] == "(its text raised RuntimeError)"
    assert (message["name"], message["message"], message["level"]) == ("message", "stock is low", "warning")


def timed(*readings: float) -> Recording:
    """A client whose timer reads so."""
    left = iter(readings)
    return Recording(timer=lambda: next(left))


def test_a_span_tells_how_long_its_block_took_and_what_happened_in_it() -> None:
    client = timed(1.0, 2.0, 2.5, 4.0)
    with client.span("checkout", user_id="42") as outer:
        client.track("order_placed")
        with client.span("charge", "client") as inner:
            inner.say(status_code=402, properties={"provider": "card"})
            client.error("declined")
    charge, checkout = client.of("span")
    assert (checkout["name"], checkout["operation"], checkout["duration_seconds"], checkout["status"]) == (
        "checkout",
        "internal",
        3.0,
        "ok",
    )
    assert (charge["duration_seconds"], charge["status_code"], charge["properties"]) == (
        0.5,
        402,
        '{"provider":"card"}',
    )
    assert charge["parent_span_id"] == checkout["span_id"] == outer.span_id
    assert checkout["parent_span_id"] is None
    (error,), (tracked,) = client.of("error"), client.sent
    assert charge["trace_id"] == checkout["trace_id"] == error["trace_id"] == tracked["trace_id"]
    assert error["span_id"] == inner.span_id
    assert (checkout["user_id"], checkout["occurred_at"]) == ("42", NOON)
    assert broken_bound(charge) is None


def test_an_exception_marks_its_span_and_goes_on() -> None:
    client = Recording()
    with pytest.raises(ValueError, match="seven"), client.span("count"):
        failing()
    assert client.of("span")[0]["status"] == "error"


async def test_spans_of_tasks_have_parents_of_their_own() -> None:
    client, both = Recording(), asyncio.Barrier(2)

    async def work(name: str) -> None:
        async with client.span(name):
            await both.wait()
            async with client.span(f"{name}'s"):
                await asyncio.sleep(0)

    await asyncio.gather(work("anna"), work("bert"))
    spans = {event["name"]: event for event in client.of("span")}
    for name in ("anna", "bert"):
        assert spans[f"{name}'s"]["parent_span_id"] == spans[name]["span_id"]
    assert spans["anna"]["trace_id"] != spans["bert"]["trace_id"]


@pytest.mark.parametrize(
    ("header", "joined"),
    [
        (f"00-{'a' * 32}-{'b' * 16}-01", True),
        (f"00-{'a' * 32}-{'b' * 16}-01-later", True),
        (f"00-{'0' * 32}-{'b' * 16}-01", False),
        ("nonsense", False),
    ],
)
def test_a_span_joins_the_trace_of_the_request_that_it_serves(header: str, joined: bool) -> None:
    client = Recording()
    with client.span("GET /", "request", traceparent=header):
        pass
    (event,) = client.of("span")
    assert (event["trace_id"] == "a" * 32) is joined
    assert (event["parent_span_id"] == "b" * 16) is joined


def points(client: Recording) -> dict[str, dict[str, Any]]:
    return {point["name"] + point["attributes"]: point for point in client.of("metric")}


def test_counters_add_up_and_begin_anew_with_each_point() -> None:
    client = Recording()
    client.counter("orders").add()
    client.counter("orders").add(2.5)
    client.counter("orders").add(1, {"plan": "pro"})
    client.counter("orders").add(-1)
    client.counter("orders").add(float("nan"))
    found = points(client)
    assert (found["orders{}"]["value"], found['orders{"plan":"pro"}']["value"]) == (3.5, 1.0)
    assert (found["orders{}"]["instrument"], found["orders{}"]["temporality"]) == ("counter", "delta")
    assert found["orders{}"]["instance_id"] == client.producer_id
    client.memory.records.clear()
    assert points(client) == {}
    client.counter("orders").add(4)
    assert points(client)["orders{}"]["value"] == 4.0


def test_gauges_hold_their_last_value_or_what_is_observed() -> None:
    client, readings = Recording(), count(7)
    client.gauge("queue", "1").set(3)
    client.gauge("queue", "1").set(5)
    client.gauge("reading", "By", lambda: [(next(readings), {"disk": "a"})])
    found = points(client)
    assert (found["queue{}"]["value"], found['reading{"disk":"a"}']["value"]) == (5.0, 7.0)
    assert (found["queue{}"]["instrument"], found["queue{}"]["temporality"]) == ("gauge", "")


def test_a_gauge_that_cannot_be_observed_costs_itself(caplog: pytest.LogCaptureFixture) -> None:
    client = Recording()
    client.gauge("broken", observe=lambda: [(1 / 0, {})])
    client.gauge("fine").set(1)
    assert set(points(client)) == {"fine{}"}
    assert "observing broken raised ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("value", [1e-6, 0.02, 1.0, 3.7, 1234.5, 1e9])
def test_a_histograms_bucket_is_within_a_percent_of_its_values(value: float) -> None:
    client = Recording()
    for _ in range(3):
        client.histogram("latency", "s").record(value)
    (point,) = client.of("metric")
    (place,) = [place for place, found in enumerate(point["bucket_counts"]) if found]
    low, high = point["bucket_bounds"][place - 1], point["bucket_bounds"][place]
    assert low < value <= high * (1 + 1e-12)
    assert (low * high) ** 0.5 == pytest.approx(value, rel=0.0101)
    assert (point["count"], point["sum"]) == (3, pytest.approx(3 * value))
    assert broken_bound(point) is None


def test_a_histogram_takes_zero_and_negative_values_and_leaves_out_what_is_no_number() -> None:
    client = Recording()
    for value in (0.0, -5.0, 2.0, float("inf"), float("nan")):
        client.histogram("balance").record(value)
    (point,) = client.of("metric")
    assert (point["count"], point["sum"], point["bucket_counts"][0]) == (3, -3.0, 2)
    assert broken_bound(point) is None


def test_an_instrument_has_a_bounded_number_of_series() -> None:
    client = Recording()
    for number in range(1_200):
        client.counter("visits").add(1, {"visitor": number})
    found = points(client)
    assert len(found) == 1_001
    assert found['visits{"other":true}']["value"] == 200.0


def test_all_kinds_share_one_numbering() -> None:
    client = Recording()
    client.track("seen")
    client.error("failed")
    with client.span("work"):
        pass
    client.counter("done").add()
    numbers = [(kind, client.of(kind)[0]["sequence"]) for kind in ("track", "error", "span", "metric")]
    assert numbers == [("track", 1), ("error", 2), ("span", 3), ("metric", 4)]
