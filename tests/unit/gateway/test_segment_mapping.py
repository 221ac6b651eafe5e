"""One Segment call as one event."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate_gateway.errors import RefusedError
from tidegate_gateway.segment.mapping import TYPES, Request, to_event

RECEIVED = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
REQUEST = Request("default", RECEIVED)


def track(**more: Any) -> dict[str, Any]:
    return {"type": "track", "event": "x", "userId": "1", **more}


def properties(item: dict[str, Any], request: Request = REQUEST) -> Any:
    return json.loads(to_event(item, request)["properties"])


def problem(item: dict[str, Any], request: Request = REQUEST) -> tuple[str, str]:
    with pytest.raises(RefusedError) as raised:
        to_event(item, request)
    return raised.value.problem.reason.value, raised.value.problem.field


def test_a_group_keeps_its_id_and_traits_where_a_query_finds_them() -> None:
    item = {"type": "group", "userId": "1", "groupId": "acme", "traits": {"plan": "team", "name": "Acme"}}
    assert properties(item) == {"group_id": "acme", "group_traits": {"plan": "team", "name": "Acme"}}
    assert to_event(item, REQUEST)["traits"] == "{}"


def test_an_event_of_a_groups_member_has_the_groups_id() -> None:
    assert properties(track(context={"groupId": "acme"})) == {"group_id": "acme"}
    assert properties(track(context={"groupId": "acme"}, properties={"group_id": "own"})) == {"group_id": "own"}


def test_an_identify_has_traits_of_its_own_and_of_its_context_as_rudderstack_sends_them() -> None:
    item = {"type": "identify", "userId": "1", "traits": {"plan": "team"}, "context": {"traits": {"email": "a@b.c"}}}
    assert json.loads(to_event(item, REQUEST)["traits"]) == {"plan": "team", "email": "a@b.c"}


def test_an_alias_keeps_the_previous_id() -> None:
    event = to_event({"type": "alias", "userId": "1", "previousId": "device-1"}, REQUEST)
    assert (event["user_id"], event["previous_id"], event["name"]) == ("1", "device-1", "alias")


@pytest.mark.parametrize("kind", ["page", "screen"])
def test_a_page_has_its_name_and_category(kind: str) -> None:
    item = {"type": kind, "userId": "1", "name": "Pricing", "category": "Docs", "properties": {"title": "t"}}
    assert to_event(item, REQUEST)["name"] == "Pricing"
    assert properties(item) == {"category": "Docs", "title": "t"}


def test_a_pages_addresses_are_in_columns_only_so_that_no_query_gets_past_the_gate() -> None:
    page = {
        "url": "https://x.example/a?q=jane",
        "referrer": "https://y.example/?q=1",
        "search": "?q=jane",
        "path": "/a",
    }
    item = {"type": "page", "userId": "1", "properties": page}
    assert properties(item) == {"path": "/a"}
    event = to_event(item, REQUEST)
    assert (event["url"], event["referrer"]) == (page["url"], page["referrer"])


def test_what_python_sends_as_null_counts_as_absent() -> None:
    item = {"type": "page", "userId": "1", "anonymousId": None, "category": None, "name": None, "timestamp": None}
    event = to_event(item, REQUEST)
    assert (event["anonymous_id"], event["name"], event["occurred_at"]) == (None, "page", RECEIVED)
    assert event["properties"] == "{}"


def test_the_empty_arrays_of_php_are_empty_objects() -> None:
    assert properties(track(properties=[], context=[], traits=[])) == {}


def test_a_campaign_is_kept_since_the_gate_cuts_the_address() -> None:
    assert properties(track(context={"campaign": {"source": "ads"}})) == {"campaign": {"source": "ads"}}


def test_an_items_context_goes_before_the_batchs() -> None:
    request = Request("default", RECEIVED, context={"app": {"name": "a", "version": "1"}, "ip": "203.0.113.9"})
    event = to_event(track(context={"app": {"name": "b"}}), request)
    assert (event["service"], event["release"], event["ip"]) == ("b", "", "203.0.113.9")


def test_a_browsers_address_is_taken_where_the_context_has_none() -> None:
    request = Request("default", RECEIVED, browser_ip="198.51.100.7")
    assert to_event(track(), request)["ip"] == "198.51.100.7"
    assert to_event(track(context={"ip": "203.0.113.9"}), request)["ip"] == "203.0.113.9"
    assert to_event(track(), REQUEST)["ip"] is None


@pytest.mark.parametrize("name", ["timestamp", "originalTimestamp"])
def test_a_clock_that_is_wrong_by_an_hour_falls_out(name: str) -> None:
    request = Request("default", RECEIVED, sent_at=RECEIVED + timedelta(hours=1))
    item = track(**{name: (RECEIVED + timedelta(minutes=58)).isoformat()})
    assert to_event(item, request)["occurred_at"] == RECEIVED - timedelta(minutes=2)


def test_what_the_application_says_goes_before_when_the_client_was_called() -> None:
    request = Request("default", RECEIVED, sent_at=RECEIVED + timedelta(hours=1))
    times = {"timestamp": "2026-05-01T01:00:00Z", "originalTimestamp": "2026-06-01T12:59:59Z"}
    assert to_event(track(**times), request)["occurred_at"] == datetime(2026, 5, 1, tzinfo=UTC)


def test_without_a_sending_time_the_events_own_is_believed() -> None:
    assert to_event(track(timestamp="2026-05-01T00:00:00Z"), REQUEST)["occurred_at"] == datetime(2026, 5, 1, tzinfo=UTC)


def test_a_single_call_may_say_itself_when_it_was_sent() -> None:
    item = track(timestamp="2026-06-01T13:00:00Z", sentAt="2026-06-01T13:01:00Z")
    assert to_event(item, REQUEST)["occurred_at"] == RECEIVED - timedelta(minutes=1)


def test_a_correction_that_leaves_the_calendar_is_refused_by_name() -> None:
    request = Request("default", RECEIVED, sent_at=datetime(2199, 1, 1, tzinfo=UTC))
    assert problem(track(timestamp="2001-01-01T00:00:00Z"), request) == ("invalid_field", "timestamp")


def test_a_call_without_a_message_id_is_known_again_by_all_it_says_if_it_says_when() -> None:
    def id_of(**more: Any) -> Any:
        return to_event(track(**more), REQUEST)["event_id"]

    timed = {"timestamp": "2026-06-01T11:00:00Z", "messageId": None}
    assert id_of(**timed) == id_of(**timed, sentAt="2026-06-01T11:00:05Z")
    assert id_of(**timed) != id_of(**timed, properties={"price": 1})
    assert id_of() != id_of()
    assert id_of(messageId="m") == id_of(messageId="m", timestamp="2026-06-01T11:00:00Z")


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"type": "nope", "userId": "1"}, ("unknown_kind", "type")),
        ({"type": ["track"], "userId": "1"}, ("unknown_kind", "type")),
        ({"type": "track", "event": "x"}, ("missing_field", "userId")),
        ({"type": "track", "userId": "1"}, ("missing_field", "event")),
        ({"type": "group", "userId": "1"}, ("missing_field", "groupId")),
        ({"type": "alias", "userId": "1"}, ("missing_field", "previousId")),
        ({"type": "alias", "previousId": "1"}, ("missing_field", "userId")),
        (track(userId={"id": 1}), ("invalid_field", "userId")),
        (track(anonymousId=True), ("invalid_field", "anonymousId")),
        (track(event=["x"]), ("invalid_field", "event")),
        (track(messageId=1.5), ("invalid_field", "messageId")),
        (track(properties="x"), ("invalid_field", "properties")),
        (track(context=7), ("invalid_field", "context")),
        (track(traits=["x"]), ("invalid_field", "traits")),
        (track(timestamp={}), ("invalid_field", "timestamp")),
        (track(originalTimestamp="yesterday"), ("invalid_field", "originalTimestamp")),
        (track(userId="u" * 8193), ("invalid_field", "userId")),
    ],
)
def test_a_bad_field_is_named(item: dict[str, Any], expected: tuple[str, str]) -> None:
    assert problem(item) == expected


@given(number=st.integers(-(2**53), 2**53))
def test_a_number_as_an_id_is_its_digits(number: int) -> None:
    assert to_event(track(userId=number), REQUEST)["user_id"] == str(number)
    assert to_event(track(userId=float(number)), REQUEST)["user_id"] == str(number)


@given(kind=st.sampled_from(sorted(TYPES)), seconds=st.integers(-(10**7), 10**7), skew=st.integers(-(10**7), 10**7))
def test_the_correction_doesnt_depend_on_the_senders_clock(kind: str, seconds: int, skew: int) -> None:
    happened = RECEIVED - timedelta(seconds=seconds)
    shown = happened + timedelta(seconds=skew)
    request = Request("default", RECEIVED, sent_at=RECEIVED + timedelta(seconds=skew))
    item = {
        "type": kind,
        "userId": "1",
        "event": "x",
        "groupId": "g",
        "previousId": "p",
        "timestamp": shown.isoformat(),
    }
    assert to_event(item, request)["occurred_at"] == happened
