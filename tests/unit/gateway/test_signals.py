"""GPC and DNT at the endpoints of Segment, Sentry and OpenTelemetry: pages' clients get what the other browsers get."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from tests.unit.gateway.sentry.edge import ID, KEY, Edge

from tidegate_schemas.topics import Kind, partition_key

SIGNALS = [{"sec-gpc": "1"}, {"dnt": "1"}]
AT = 1_772_366_400_000_000_000
USER, SESSION, ADDRESS = "user-4711-x", "0f8fad5b-d9cb", "198.51.100.77"
ATTRIBUTES = {
    "user.id": USER,
    "user.email": "ada@example.org",
    "session.id": SESSION,
    "session.previous_id": "s-0",
    "client.address": ADDRESS,
    "seen": f"by {USER.upper()}, {ADDRESS}",
}
ERROR: dict[str, Any] = {
    "event_id": ID,
    "user": {"id": "47110815", "email": "ada@example.org", "ip_address": ADDRESS},
    "exception": {"values": [{"type": "TypeError", "value": "no basket of 47110815"}]},
    "request": {"url": "https://shop.example/u/47110815"},
    "extra": {
        "owner": 47110815,
        "items": [3, "for 47110815"],
        "userAgentHint": "kept",
        "carts": {"cart/47110815": 1},
    },
    "tags": {"user.plan": "gold", "session": "s-1", "user_agent": "Firefox", "page": "basket"},
    "contexts": {"client_os": {"name": "Linux"}},
}
SESSION_ITEM = {"sid": "0f8fad5bd9cb469fa16570867728950e", "did": "47110815", "started": "2026-03-01T12:00:00Z"}


def pairs(named: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in named.items()]


def traces() -> dict[str, Any]:
    thrown = {"exception.type": "Error", "exception.message": f"{USER} went"}
    span = {
        "traceId": "01" * 16,
        "spanId": "02" * 8,
        "name": f"GET /of/{USER}",
        "startTimeUnixNano": str(AT),
        "endTimeUnixNano": str(AT + 1),
        "attributes": pairs(ATTRIBUTES),
        "events": [{"name": "exception", "timeUnixNano": str(AT), "attributes": pairs(thrown)}],
    }
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


def logs() -> dict[str, Any]:
    record = {"timeUnixNano": str(AT), "body": {"stringValue": f"hello {USER}"}, "attributes": pairs(ATTRIBUTES)}
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}


def metrics() -> dict[str, Any]:
    named = {name: value for name, value in ATTRIBUTES.items() if name != "seen"}  # of a point no user is told
    point = {"timeUnixNano": str(AT), "asDouble": 1.0, "attributes": pairs(named)}
    return {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "m", "gauge": {"dataPoints": [point]}}]}]}]}


def sent(signal: dict[str, str]) -> list[tuple[Kind, dict[str, Any]]]:
    """Raw events of all kinds that the endpoints make of it."""
    edge = Edge()
    store = edge.post(orjson.dumps({**ERROR, "event_id": "ab" * 16}), "/api/1/store/", **signal)
    lines = [{}, {"type": "event"}, ERROR, {"type": "session"}, SESSION_ITEM]
    envelope = edge.post(b"\n".join(map(orjson.dumps, lines)), **signal)
    answers = [store, envelope]
    for path, body in (("traces", traces()), ("logs", logs()), ("metrics", metrics())):
        headers = {"x-tidegate-key": KEY, "content-type": "application/json", **signal}
        answers.append(edge.http.post(f"/v1/{path}", content=orjson.dumps(body), headers=headers))
    assert [answer.status_code for answer in answers] == [200] * 5
    kinds: tuple[Kind, ...] = ("error", "span", "log", "metric", "health")
    return [(kind, event) for kind in kinds for event in edge.events(kind)]


@pytest.mark.parametrize("signal", SIGNALS)
def test_a_browsers_signal_leaves_no_id_in_any_event_of_sentrys_or_opentelemetrys_clients(
    signal: dict[str, str],
) -> None:
    events = sent(signal)
    assert [kind for kind, _ in events] == ["error", "error", "error", "span", "log", "metric", "health"]
    for kind, event in events:
        assert event["consent"] == "anonymous"
        assert (event["user_id"], event["anonymous_id"], event["session_id"]) == (None, None, None)
        assert event["ip"] in {None, "", "198.51.100.0"}
        told = str([value for name, value in event.items() if name != "event_id"]).lower()
        told += partition_key(kind, event).decode()
        assert not [word for word in (USER, "47110815", SESSION, "ada@", "gold", ADDRESS) if word in told], event
    store, envelope, _ = (event for kind, event in events if kind == "error")
    for error in (store, envelope):
        assert (error["message"], error["ip"]) == ("no basket of [id]", "198.51.100.0")
        properties = orjson.loads(error["properties"])
        assert properties["extra"] == {
            "owner": "[id]",
            "items": [3, "for [id]"],
            "userAgentHint": "kept",
            "carts": {"cart/[id]": 1},
        }
        assert properties["tags"] == {"page": "basket", "user_agent": "Firefox"}
        assert properties["contexts"] == {"client_os": {"name": "Linux"}}


@pytest.mark.parametrize("headers", [{}, {"sec-gpc": "0"}, {"dnt": "0"}])
def test_control_without_a_signal_all_of_them_are_there(headers: dict[str, str]) -> None:
    events = sent(headers)
    assert {event["consent"] for _, event in events} == {"unknown"}
    assert {event["user_id"] for kind, event in events if kind != "metric"} == {USER, "47110815"}
    told = str(events)
    assert all(word in told for word in ("no basket of 47110815", USER, SESSION, ADDRESS, "gold"))


def segment_call(signal: dict[str, str]) -> dict[str, Any]:
    """The event that the gateway makes of a call of Segment's client, which names its user in texts, too."""
    edge = Edge()
    call = {
        "event": f"Seen by {USER}",
        "userId": USER,
        "anonymousId": "device-0815",
        "messageId": "m-1",
        "properties": {"owner": USER.upper(), "of": {"device-0815": 1}, "session_id": SESSION, "page": "basket"},
        "context": {"page": {"url": f"https://shop.example/u/{USER}"}, "traits": {"email": "ada@example.org"}},
    }
    headers = {"content-type": "application/json", **signal}
    answer = edge.http.post("/v1/track", content=orjson.dumps(call), headers=headers, auth=(KEY, ""))
    assert answer.status_code == 200
    (event,) = edge.events("track")
    return event


@pytest.mark.parametrize("signal", SIGNALS)
def test_a_browsers_signal_leaves_no_id_in_an_event_of_segments_clients(signal: dict[str, str]) -> None:
    event, without = segment_call(signal), segment_call({})
    assert (event["consent"], event["traits"], event["event_id"]) == ("anonymous", "{}", without["event_id"])
    assert (event["name"], event["url"]) == ("Seen by [id]", "https://shop.example/u/[id]")
    assert orjson.loads(event["properties"]) == {"owner": "[id]", "of": {"[id]": 1}, "page": "basket"}
    told = str(event).lower() + partition_key("track", event).decode()
    assert not [word for word in (USER, "0815", SESSION, "ada@") if word in told]
    assert without["name"] == f"Seen by {USER}"  # the control


def test_a_retry_without_its_signal_has_the_same_ids() -> None:
    assert [event["event_id"] for _, event in sent({})] == [event["event_id"] for _, event in sent(SIGNALS[0])]
