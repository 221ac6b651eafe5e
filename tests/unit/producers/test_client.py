"""The SDK: what an application's calls become, and that none of them ever hurts the application."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from tests.unit.producers.recording import NOON, Recording

from tidegate.dispatch import Dispatch
from tidegate.drops import Drops
from tidegate.errors import InvalidSettingError
from tidegate.outbox import Waiting
from tidegate.publish import KeyAndValue, MemoryPublisher, Publisher
from tidegate_schemas.reasons import Reason
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import outcome_schema


@pytest.fixture
def client() -> Recording:
    return Recording()


def test_an_event_says_what_where_when_and_who(client: Recording) -> None:
    client.track("order_placed", {"total": 12.5, "feature": "cart"}, user_id="42", url="https://shop.example/cart")
    (event,) = client.sent
    assert (event["type"], event["name"], event["user_id"], event["feature"]) == ("track", "order_placed", "42", "cart")
    assert (event["occurred_at"], event["received_at"], event["service"]) == (NOON, NOON, "shop")
    assert (event["properties"], event["url"]) == ('{"feature":"cart","total":12.5}', "https://shop.example/cart")


@pytest.mark.parametrize(
    ("properties", "failed"),
    [({"failed": True}, True), ({"success": False}, True), ({"success": True}, False), ({"failed": "yes"}, False)],
)
def test_an_action_has_failed_if_it_says_so(client: Recording, properties: dict[str, Any], failed: bool) -> None:
    client.track("agent_run", properties)
    assert client.sent[0]["failed"] is failed


def test_the_device_stays_until_reset(client: Recording) -> None:
    client.page()
    client.identify("anna")
    client.track("bought")
    client.reset()
    client.identify("bert")
    first, linked, bought, second = client.sent
    assert first["anonymous_id"] == linked["anonymous_id"] == bought["anonymous_id"] != second["anonymous_id"]
    assert second["anonymous_id"] == client.anonymous_id
    assert (linked["user_id"], bought["user_id"], second["user_id"]) == ("anna", None, "bert")


def test_alias_links_an_older_id(client: Recording) -> None:
    client.alias("old", "new")
    assert [(event["type"], event["previous_id"], event["user_id"]) for event in client.sent] == [
        ("alias", "old", "new")
    ]


def test_a_page_without_a_name_is_a_page(client: Recording) -> None:
    client.page()
    client.page("pricing", {"plan": "pro"})
    assert [(event["type"], event["name"]) for event in client.sent] == [("page", "page"), ("page", "pricing")]


def test_ids_are_new_and_numbers_without_gaps_from_many_threads(client: Recording) -> None:
    def work() -> None:
        for _ in range(200):
            client.track("tick")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(event["sequence"] for event in client.sent) == list(range(1, 1601))
    assert len({event["event_id"] for event in client.sent}) == 1600
    assert {event["producer_id"] for event in client.sent} == {client.producer_id}


class Hostile(Mapping[str, Any]):
    """Properties that fail as they are read."""

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("changed during iteration")

    def __len__(self) -> int:
        return 1


class Unprintable:
    def __str__(self) -> str:
        raise ValueError("secret")


@pytest.mark.parametrize("properties", [[1], "text", 7, Hostile(), {"x": Unprintable()}])
def test_properties_that_cannot_be_read_cost_their_event_and_no_more(
    client: Recording, properties: Any, caplog: pytest.LogCaptureFixture
) -> None:
    client.track("broken", properties)
    client.track("fine")
    assert [event["name"] for event in client.sent] == ["fine"]
    assert client.dropped == {Reason.INVALID_FIELD: 1}
    assert "invalid_field" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("who", [{"surprise": 1}, {"occurred_at": "yesterday"}, {"user_id": 42}, {"sample_rate": "x"}])
def test_an_argument_that_is_none_costs_its_event_and_no_more(client: Recording, who: Any) -> None:
    client.track("broken", **who)
    assert client.sent == []
    assert client.dropped == {Reason.INVALID_FIELD: 1}


def test_what_was_dropped_is_told_to_the_ledger_with_the_next_event(client: Recording) -> None:
    broken: Any = [1]
    client.track("broken", broken)
    client.identify("anna", broken)
    client.track("fine")
    client.flush()
    (outcome,) = client.outcomes
    assert (outcome["outcome"], outcome["reason"], outcome["quantity"]) == ("dropped", "invalid_field", 2)
    assert (outcome["producer_id"], outcome["reporter"]) == (client.producer_id, "sdk")
    assert outcome["minute"] == NOON.replace(second=0)
    assert client.sent[0]["sequence"] == 3  # sent = stored + dropped
    client.track("fine again")
    client.flush()
    assert len(client.outcomes) == 1


def test_a_full_queue_drops_and_counts_and_tells_once_there_is_room() -> None:
    memory = MemoryPublisher(capacity=0)
    client = Recording(memory, queue_events=2)
    for _ in range(5):
        client.track("tick")
    assert client.queued == 2
    assert client.dropped == {Reason.QUEUE_FULL: 3}
    memory.capacity = 10
    assert [event["sequence"] for event in client.sent] == [1, 2]
    assert [(each["reason"], each["quantity"]) for each in client.outcomes] == [("queue_full", 3)]


def test_what_kafka_did_not_take_is_counted() -> None:
    client = Recording(MemoryPublisher(failing="broker away"))
    client.track("lost")
    client.flush()
    assert client.dropped == {Reason.UNDELIVERABLE: 1}


class Broken(MemoryPublisher):
    """Raises what no publisher should."""

    def put_many(self, *_: Any) -> list[KeyAndValue]:
        raise RuntimeError("anna@example.org")


def test_of_a_batch_that_no_publisher_takes_each_event_is_counted_by_its_kind() -> None:
    client = Recording(Broken())
    for number in range(7):
        with client.span("work"):
            client.record("metric", {"name": "orders", "instrument": "gauge", "value": float(number)}, {})
    client.track("tick")
    client.flush()
    assert client.dropped == {Reason.UNDELIVERABLE: 15}
    told = {(each["kind"], each["reason"]): each["quantity"] for each in client.outcomes}
    assert told == {(kind, "undeliverable"): number for kind, number in (("span", 7), ("metric", 7), ("track", 1))}


def test_a_batch_for_which_no_publisher_opens_is_counted() -> None:
    def refusing() -> Publisher:
        raise InvalidSettingError("no such brokers")

    drops = Drops("sdk:1", "shop", lambda: NOON)
    dispatch = Dispatch(refusing, {}, drops)
    dispatch.send([Waiting(kind, {}, 0) for kind in ("span", "span", "metric")])
    assert drops.counts == {Reason.UNDELIVERABLE: 3}
    memory = MemoryPublisher()
    drops.report(memory)
    codec = RowCodec(outcome_schema())
    told = [codec.decode(value) for _, value in memory.records["outcomes"]]
    assert {each["kind"]: each["quantity"] for each in told} == {"span": 2, "metric": 1}


def test_large_properties_lose_their_largest_members_and_say_so(client: Recording) -> None:
    client.track("big", {"small": 1, "large": "x" * 100_000})
    assert client.sent[0]["properties"] == '{"_truncated":1,"small":1}'


def test_what_changes_in_the_properties_afterwards_changes_nothing(client: Recording) -> None:
    properties: dict[str, Any] = {"items": [1], "total": 1}
    client.track("order_placed", properties)
    properties["total"] = 2
    properties["items"].append(2)
    assert client.sent[0]["properties"] == '{"items":[1],"total":1}'


def test_many_events_in_one_call_are_numbered_in_their_order_and_bad_ones_cost_themselves(client: Recording) -> None:
    broken: Any = {"event": "broken", "properties": 7}
    client.track_many([{"event": "first", "properties": {"a": 1}, "user_id": "42"}, broken, {"event": "last"}])
    assert [(event["name"], event["user_id"]) for event in client.sent] == [("first", "42"), ("last", None)]
    assert client.dropped == {Reason.INVALID_FIELD: 1}


def test_a_batch_larger_than_the_queue_waits_for_room_if_it_may(client: Recording) -> None:
    small = Recording(queue_events=1_000)
    small.track_many(({"event": "tick"} for _ in range(5_000)), wait_seconds=30)
    assert len(small.sent) == 5_000
    assert small.dropped == {}


def test_a_server_has_no_device() -> None:
    server = Recording(device=False)
    server.track("order_placed", user_id="42")
    assert (server.sent[0]["anonymous_id"], server.sent[0]["user_id"]) == (None, "42")


def test_after_a_shutdown_events_are_counted_and_nothing_is_raised(client: Recording) -> None:
    client.shutdown()
    client.track("late")
    assert client.dropped == {Reason.QUEUE_FULL: 1}


def test_signals_can_be_asked_for_on_the_main_thread_only() -> None:
    refused: list[str] = []

    def start() -> None:
        with pytest.raises(InvalidSettingError) as raised:
            Recording(flush_on_sigterm=True)
        refused.append(str(raised.value))

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert refused == ["flush_on_sigterm works on the main thread only: start the client there"]


async def test_calls_of_async_code_do_not_block_it(client: Recording) -> None:
    async def call(number: int) -> None:
        client.track(f"tick-{number}")
        await asyncio.sleep(0)

    await asyncio.gather(*(call(number) for number in range(100)))
    assert await asyncio.to_thread(client.flush) == 0
    assert len(client.sent) == 100
