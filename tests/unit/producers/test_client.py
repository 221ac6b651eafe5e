"""The SDK: what an application's calls become, and that none of them ever hurts the application."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from tidegate import Client
from tidegate.publish import MemoryPublisher
from tidegate_schemas.reasons import Reason
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import outcome_schema, raw_schema

NOON = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)


class Recording(Client):
    """A client with a publisher in memory."""

    def __init__(self, publisher: MemoryPublisher | None = None, **settings: Any) -> None:
        self.memory = publisher or MemoryPublisher()
        super().__init__(publisher=self.memory, clock=lambda: NOON, service="shop", release="shop@1", **settings)

    @property
    def sent(self) -> list[dict[str, Any]]:
        self.flush()
        codec = RowCodec(raw_schema("track"))
        return [codec.decode(value) for _, value in self.memory.records.get("raw.track", [])]

    @property
    def outcomes(self) -> list[dict[str, Any]]:
        codec = RowCodec(outcome_schema())
        return [codec.decode(value) for _, value in self.memory.records.get("outcomes", [])]


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


def test_large_properties_lose_their_largest_members_and_say_so(client: Recording) -> None:
    client.track("big", {"small": 1, "large": "x" * 100_000})
    assert client.sent[0]["properties"] == '{"_truncated":1,"small":1}'
