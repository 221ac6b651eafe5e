"""A page's beacon on its way to Kafka: what it says is kept, what its visitor doesn't allow is not taken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from nacl.public import PrivateKey
from starlette.testclient import TestClient

from tidegate.publish import MemoryPublisher
from tidegate_gateway.app import create_app
from tidegate_gateway.browser.beacon import Beacon
from tidegate_gateway.browser.events import KINDS
from tidegate_gateway.settings import GatewaySettings, Project
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import dead_letter_schema, outcome_schema, raw_schema
from tidegate_schemas.topics import DEAD_LETTERS, OUTCOMES, Kind, raw_topic

KEY = "public-write-key"
PAGE = "0123456789abcdef0123456789abcdef"
PRODUCER = f"browser:{PAGE}"
ID = "01970000-0000-7000-8000-0000000000"


class Gateway:
    """A gateway's application over a publisher in memory."""

    def __init__(self, *, failing: str | None = None) -> None:
        self.publisher = MemoryPublisher(failing=failing)
        key = bytes(PrivateKey.generate().public_key)
        settings = GatewaySettings("127.0.0.1", 0, "nowhere:1", (Project(1, "default", KEY),), key)
        self.http = TestClient(create_app(settings, self.publisher), raise_server_exceptions=False)

    def beacon(self, *events: Any, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        body = {"writeKey": KEY, "producerId": PAGE, "events": list(events), **more}
        headers = {"content-type": "text/plain;charset=UTF-8", **(headers or {})}
        answer: httpx.Response = self.http.post("/v1/beacon", content=json.dumps(body), headers=headers)
        return answer

    def events(self, kind: Kind) -> list[dict[str, Any]]:
        codec = RowCodec(raw_schema(kind))
        return [codec.decode(value) for _, value in self.publisher.records.get(raw_topic(kind), [])]

    def outcomes(self) -> list[dict[str, Any]]:
        """By identity, as ClickHouse keeps them."""
        codec = RowCodec(outcome_schema())
        rows = [codec.decode(value) for _, value in self.publisher.records.get(OUTCOMES, [])]
        return list({row["outcome_id"]: row for row in rows}.values())


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    yield Gateway()


def item(number: int = 1, kind: str = "track", **more: Any) -> dict[str, Any]:
    named = {"kind": kind, "id": f"{ID}{number:02}", "sequence": number, "name": "bought", "consent": "granted"}
    who = {"anonymousId": "device", "userId": "42", "sessionId": "visit"}
    return {**named, **who, **more}


def test_a_track_event_keeps_the_pages_id_and_number(gateway: Gateway) -> None:
    context = {"environment": "live", "release": "1.2", "service": "shop"}
    answer = gateway.beacon(item(7, properties={"feature": "export", "price": 2.5}), context=context)
    assert (answer.status_code, answer.json()) == (200, {"accepted": 1, "rejected": []})
    (event,) = gateway.events("track")
    assert (event["producer_id"], event["sequence"], event["event_id"]) == (PRODUCER, 7, f"{ID}07")
    assert (event["user_id"], event["anonymous_id"], event["session_id"]) == ("42", "device", "visit")
    assert (event["environment"], event["release"], event["service"]) == ("live", "1.2", "shop")
    assert (event["type"], event["name"], event["feature"]) == ("track", "bought", "export")
    assert event["properties"] == '{"feature":"export","price":2.5}'


def test_a_wrong_clock_falls_out(gateway: Gateway) -> None:
    gateway.beacon(item(at="2001-01-01T00:00:00Z"), sentAt="2001-01-01T00:01:40Z")
    (event,) = gateway.events("track")
    assert event["received_at"] - event["occurred_at"] == timedelta(seconds=100)


def test_an_error_brings_its_stack_as_frames(gateway: Gateway) -> None:
    stack = (
        "TypeError: no\n    at async pay (https://shop.example/app.js?v=1:10:5)\n"
        "    at https://shop.example/node_modules/lib.js:1:2\n    at <anonymous>"
    )
    gateway.beacon(item(kind="error", name="TypeError", message="no", handled=False, stack=stack))
    (event,) = gateway.events("error")
    assert (event["name"], event["message"], event["handled"], event["platform"]) == (
        "TypeError",
        "no",
        False,
        "javascript",
    )
    assert json.loads(event["stack"]) == [
        {"filename": "https://shop.example/node_modules/lib.js", "lineno": 1, "colno": 2, "in_app": False},
        {"filename": "https://shop.example/app.js", "function": "pay", "lineno": 10, "colno": 5, "in_app": True},
    ]


def test_firefox_and_safari_stacks_are_read_too(gateway: Gateway) -> None:
    stack = "pay@https://shop.example/app.js:10:5\n@https://shop.example/app.js:20:1\n"
    gateway.beacon(item(kind="error", stack=stack))
    frames = json.loads(gateway.events("error")[0]["stack"])
    assert [(frame.get("function"), frame["lineno"]) for frame in frames] == [(None, 20), ("pay", 10)]


def test_a_request_is_a_client_span_by_its_route(gateway: Gateway) -> None:
    gateway.beacon(item(kind="span", name="GET /api", durationSeconds=0.25, statusCode=503, route="/api/{id}"))
    (event,) = gateway.events("span")
    assert (event["operation"], event["route"], event["status"], event["status_code"]) == (
        "client",
        "/api/{id}",
        "error",
        503,
    )
    assert event["duration_seconds"] == 0.25


@pytest.mark.parametrize("value", [0, 1e-9, 0.1, 2.5, 1e9])
def test_a_vital_is_a_histogram_with_a_bucket_as_narrow_as_the_sketch_is_exact(gateway: Gateway, value: float) -> None:
    gateway.beacon(item(kind="metric", name="browser.web_vital.lcp", value=value, unit="s", attributes={"route": "/"}))
    (event,) = gateway.events("metric")
    assert (event["instrument"], event["temporality"], event["count"], event["sum"]) == ("histogram", "delta", 1, value)
    bounds, counts = event["bucket_bounds"], event["bucket_counts"]
    assert sum(counts) == 1
    assert len(counts) == len(bounds) + 1
    full = counts.index(1)
    assert value <= bounds[full] <= value * 1.01
    assert (event["user_id"], event["attributes"]) == (None, '{"route":"/"}')


@pytest.mark.parametrize("signal", [{"sec-gpc": "1"}, {"dnt": "1"}])
def test_a_browsers_signal_makes_what_the_page_says_anonymous(gateway: Gateway, signal: dict[str, str]) -> None:
    gateway.beacon(item(traits={"email": "jane@example.org"}, type="identify"), headers=signal)
    (event,) = gateway.events("track")
    assert event["consent"] == "anonymous"
    assert (event["user_id"], event["anonymous_id"], event["session_id"], event["traits"]) == (None, None, None, "{}")


@pytest.mark.parametrize("signal", [{"sec-gpc": "1"}, {"dnt": "1"}])
def test_a_signal_takes_the_pages_ids_out_of_its_texts_too(signal: dict[str, str]) -> None:
    properties = {"cart/member-4711": 1, "note": "for member-4711"}
    said: dict[str, Any] = {"userId": "member-4711", "name": "opened by member-4711", "properties": properties}
    quiet, spoken = Gateway(), Gateway()
    quiet.beacon(item(**said), headers=signal)
    spoken.beacon(item(**said))
    (event,), (control,) = quiet.events("track"), spoken.events("track")
    assert (event["user_id"], event["event_id"]) == (None, control["event_id"])
    assert "member-4711" not in json.dumps(event, default=str)
    assert json.dumps(control, default=str).count("member-4711") == 4


@pytest.mark.parametrize(("consent", "ip"), [("anonymous", "198.51.100.0"), ("granted", None)])
def test_without_consent_the_network_goes_on_and_never_the_address(consent: str, ip: str | None) -> None:
    body = {"producerId": PAGE, "events": [item(consent=consent), item(2, "metric", consent=consent, value=1.0)]}
    batch = Beacon(body, datetime(2026, 3, 1, tzinfo=UTC), "", signal=False, address="198.51.100.77").batch(32_768)
    assert [event.get("ip") for _, event in batch.events] == [ip, None]


@pytest.mark.parametrize("headers", [{}, {"sec-gpc": "0"}, {"dnt": "0"}])
def test_without_a_signal_the_pages_word_counts(gateway: Gateway, headers: dict[str, str]) -> None:
    gateway.beacon(item(), headers=headers)
    (event,) = gateway.events("track")
    assert (event["consent"], event["anonymous_id"]) == ("granted", "device")


@pytest.mark.parametrize("headers", [{}, {"sec-gpc": "1"}])
def test_a_denied_event_ends_at_the_edge_and_is_told_by_its_number(gateway: Gateway, headers: dict[str, str]) -> None:
    for _ in range(2):
        gateway.beacon(item(7, consent="denied"), item(8, kind="error", consent="denied"), headers=headers)
    assert gateway.events("track") == gateway.events("error") == []
    told = {(each["kind"], each["outcome"], each["reason"], *each["sequences"]) for each in gateway.outcomes()}
    assert told == {("track", "dropped", "consent_denied", 7, 7), ("error", "dropped", "consent_denied", 8, 8)}


def test_a_withdrawal_goes_to_the_gate_and_says_whose_it_is(gateway: Gateway) -> None:
    gateway.beacon(item(consent="denied", name="consent", properties={"state": "withdrawn"}), headers={"dnt": "1"})
    (event,) = gateway.events("track")
    assert (event["consent"], event["anonymous_id"], event["properties"]) == (
        "denied",
        "device",
        '{"state":"withdrawn"}',
    )


def test_the_gateway_says_that_it_honours_the_signal(gateway: Gateway) -> None:
    answer = gateway.http.get("/.well-known/gpc.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"gpc": True, "lastUpdate": "2026-11-27"}


@pytest.mark.parametrize("signal", [{"sec-gpc": "1"}, {"dnt": "1"}, {}])
@pytest.mark.parametrize("path", ["/v1/track", "/v1/t"])
def test_a_signal_counts_for_segments_clients_whatever_they_say(
    gateway: Gateway, path: str, signal: dict[str, str]
) -> None:
    said = {"event": "open", "userId": "42", "anonymousId": "device", "context": {"consent": "granted"}}
    answer = gateway.http.post(path, json={"writeKey": KEY, **said}, headers=signal)
    assert answer.json()["success"] is True
    (event,) = gateway.events("track")
    expected = ("anonymous", None, None) if signal else ("granted", "42", "device")
    assert (event["consent"], event["user_id"], event["anonymous_id"]) == expected


def test_a_call_of_segments_that_is_denied_ends_at_the_edge_but_for_the_decision(gateway: Gateway) -> None:
    denied = {"type": "track", "userId": "42", "context": {"consent": {"categoryPreferences": {"analytics": False}}}}
    told = {**denied, "event": "consent", "properties": {"state": "withdrawn"}}
    answer = gateway.http.post("/v1/batch", json={"writeKey": KEY, "batch": [{**denied, "event": "open"}, told]})
    assert answer.status_code == 200
    (event,) = gateway.events("track")
    assert (event["name"], event["consent"], event["user_id"]) == ("consent", "denied", "42")
    (outcome,) = [each for each in gateway.outcomes() if each["outcome"] == "dropped"]
    assert (outcome["reason"], outcome["quantity"]) == ("consent_denied", 1)


def test_bad_events_are_named_and_the_others_go_on(gateway: Gateway) -> None:
    answer = gateway.beacon(
        item(1),
        item(2, kind="replay"),
        {**item(3), "id": "x"},
        {**item(4), "name": ""},
        {**item(5), "sequence": 0},
        {**item(6), "consent": "maybe"},
        {**item(7, kind="metric"), "value": -1},
        7,
    )
    assert answer.json()["accepted"] == 1
    assert [(each["index"], each["reason"], each["field"]) for each in answer.json()["rejected"]] == [
        (1, "unknown_kind", "kind"),
        (2, "invalid_field", "id"),
        (3, "missing_field", "name"),
        (4, "invalid_field", "sequence"),
        (5, "invalid_field", "consent"),
        (6, "invalid_field", "value"),
        (7, "invalid_field", "events[7]"),
    ]
    codec = RowCodec(dead_letter_schema())
    letters = [codec.decode(value) for _, value in gateway.publisher.records[DEAD_LETTERS]]
    assert {letter["producer_id"] for letter in letters} == {PRODUCER}
    assert sorted(letter["sequence"] for letter in letters) == [0, 0, 2, 3, 4, 6, 7]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", (400, "malformed_json", "body")),
        (b'{"writeKey":"wrong"}', (401, "unauthorised", "writeKey")),
        (b'{"writeKey":"public-write-key","producerId":"gateway"}', (400, "invalid_field", "producerId")),
        (f'{{"writeKey":"{KEY}","producerId":"{PAGE}","events":7}}'.encode(), (400, "invalid_field", "events")),
        (f'{{"writeKey":"{KEY}","producerId":"{PAGE}","closed":-1}}'.encode(), (400, "invalid_field", "closed")),
    ],
)
def test_a_beacon_that_can_not_be_read_is_answered_with_reason_and_field(
    gateway: Gateway, body: bytes, expected: tuple[int, str, str]
) -> None:
    answer = gateway.http.post("/v1/beacon", content=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["reason"], error["field"]) == expected


def test_what_a_page_dropped_and_that_it_closed_are_outcomes_that_count_once_when_sent_again(gateway: Gateway) -> None:
    counts = [
        {"kind": "track", "reason": "consent_denied", "sequences": [1, 2, 12, 12]},
        {"kind": "span", "reason": "sampled", "sequences": [3, 11]},
    ]
    for _ in range(2):
        answer = gateway.beacon(item(13), dropped=[{"report": 1, "counts": counts}], closed=14)
        assert answer.status_code == 200
    later = {"kind": "track", "reason": "consent_denied", "sequences": [15, 15]}
    gateway.beacon(dropped=[{"report": 2, "counts": [later]}])
    columns = ("producer_id", "reporter", "outcome", "kind", "reason", "quantity", "sequences")
    told = [tuple(row[column] for column in columns) for row in gateway.outcomes()]
    assert sorted(told) == [
        (PRODUCER, "browser", "closed", "", "closed", 14, []),
        (PRODUCER, "browser", "dropped", "span", "sampled", 9, [3, 11]),
        (PRODUCER, "browser", "dropped", "track", "consent_denied", 1, [15, 15]),
        (PRODUCER, "browser", "dropped", "track", "consent_denied", 3, [1, 2, 12, 12]),
    ]


NUMBERS: list[Any] = [7, [1], [2, 1], [0, 1], ["1", 1], []]


@pytest.mark.parametrize(
    "entry",
    [
        {"kind": "track", "reason": "whim", "sequences": [1, 1]},
        {"kind": "x", "reason": "sampled", "sequences": [1, 1]},
        *({"kind": "track", "reason": "sampled", "sequences": numbers} for numbers in NUMBERS),
        7,
    ],
)
def test_a_drop_without_its_name_or_numbers_is_refused(gateway: Gateway, entry: Any) -> None:
    assert gateway.beacon(dropped=[{"report": 1, "counts": [entry]}]).status_code == 400


def test_a_beacon_that_kafka_did_not_take_is_to_be_sent_again() -> None:
    answer = Gateway(failing="broker away").beacon(item())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_every_kind_carries_when_it_was_and_no_address_of_its_sender(gateway: Gateway) -> None:
    at = datetime(2026, 11, 27, 12, tzinfo=UTC)
    events = [item(number, kind=kind, value=1, durationSeconds=1) for number, kind in enumerate(KINDS, start=1)]
    gateway.beacon(*({**event, "at": at.isoformat()} for event in events))
    for kind in KINDS:
        (event,) = gateway.events(kind)
        assert (event["occurred_at"], event["ip"], event["project"]) == (at, None, "default")
        assert event["user_agent"]
