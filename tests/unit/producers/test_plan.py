"""Typed events, and what becomes of those that break the plan."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from tests.unit.producers.recording import Recording

import tidegate
from tidegate_schemas.reasons import Reason


class OrderPlaced(tidegate.Event):
    """Somebody bought something."""

    total: float
    currency: str = "EUR"


class Seen(tidegate.Event, name="page seen"):
    """Somebody looked."""


PLAN = tidegate.Plan([OrderPlaced, Seen])


def test_a_typed_event_is_named_by_its_class_and_its_fields_are_properties() -> None:
    client = Recording()
    client.track(OrderPlaced(total=12.5), user_id="42")
    client.track(Seen())
    order, seen = client.sent
    assert (order["name"], order["properties"], order["user_id"]) == (
        "order_placed",
        '{"currency":"EUR","total":12.5}',
        "42",
    )
    assert seen["name"] == "page seen"


def test_a_typed_event_with_wrong_values_cannot_be_made() -> None:
    with pytest.raises(ValidationError, match="total"):
        OrderPlaced(total="much")  # type: ignore[arg-type]


def test_what_breaks_the_plan_is_named_by_field_and_sent_with_a_mark(caplog: pytest.LogCaptureFixture) -> None:
    client = Recording(plan=PLAN)
    client.track("order_placed", {"total": "secret", "colour": "red"})
    client.track("order_plcaed", {"total": 1})
    client.track("order_placed", {"total": 1})
    wrong, unknown, right = client.sent
    assert '"_violations":["total: float_parsing","colour: extra_forbidden"]' in wrong["properties"]
    assert unknown["properties"] == '{"_violations":["unknown event"],"total":1}'
    assert right["properties"] == '{"total":1}'
    assert client.violations == {
        ("order_placed", "total", "float_parsing"): 1,
        ("order_placed", "colour", "extra_forbidden"): 1,
        ("order_plcaed", "", "unknown event"): 1,
    }
    assert "event 'order_placed' breaks the plan: total: float_parsing" in caplog.text
    assert "secret" not in caplog.text
    assert client.dropped == {}


def test_what_breaks_the_plan_is_dropped_by_name_if_so_set() -> None:
    client = Recording(plan=PLAN, on_violation="drop")
    client.track("order_placed", {})
    client.track_many([{"event": "order_placed", "properties": {"total": 1}}, {"event": "surprise"}])
    client.track(OrderPlaced(total=2))
    assert [event["properties"] for event in client.sent] == ['{"total":1}', '{"currency":"EUR","total":2.0}']
    assert client.dropped == {Reason.PLAN_VIOLATION: 2}
    assert {(each["reason"], each["quantity"]) for each in client.outcomes} == {("plan_violation", 2)}


def test_a_plan_names_each_event_once() -> None:
    with pytest.raises(tidegate.InvalidSettingError, match="'order_placed' twice"):
        tidegate.Plan([OrderPlaced, OrderPlaced])
