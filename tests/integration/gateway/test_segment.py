"""Segment's protocol at the gateway's application: auth, paths, limits, answers, and what it makes of hostile JSON."""

import base64
import gzip
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nacl.public import PrivateKey, SealedBox
from starlette.testclient import TestClient

from tidegate.publish import MemoryPublisher
from tidegate_gateway.app import create_app
from tidegate_gateway.limits import Rate
from tidegate_gateway.settings import GatewaySettings, Project
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import dead_letter_schema, raw_schema
from tidegate_schemas.topics import DEAD_LETTERS, raw_topic

KEY = "public-write-key"
OTHER = "another-write-key"
PRIVATE = PrivateKey.generate()
ITEM = {"type": "track", "event": "x", "userId": "1"}


class Gateway:
    """A gateway's application, and what it published."""

    def __init__(self, **limits: Any) -> None:
        self.publisher = MemoryPublisher()
        projects = (Project(1, "default", KEY), Project(2, "other", OTHER))
        chosen = GatewaySettings("127.0.0.1", 0, "nowhere:1", projects, bytes(PRIVATE.public_key), **limits)
        app = create_app(chosen, self.publisher)
        self.http = TestClient(app, raise_server_exceptions=False, client=("198.51.100.7", 1), follow_redirects=False)

    def events(self) -> list[dict[str, Any]]:
        codec = RowCodec(raw_schema("track"))
        return [codec.decode(value) for _, value in self.publisher.records.get(raw_topic("track"), [])]

    def dead_letters(self) -> list[dict[str, Any]]:
        codec = RowCodec(dead_letter_schema())
        return [codec.decode(value) for _, value in self.publisher.records.get(DEAD_LETTERS, [])]

    def batch(self, *items: Any, key: str = KEY, **more: Any) -> httpx.Response:
        answer: httpx.Response = self.http.post("/v1/batch", json={"writeKey": key, "batch": list(items), **more})
        return answer


@contextmanager
def running(**limits: Any) -> Iterator[Gateway]:
    gateway = Gateway(**limits)
    with gateway.http:
        yield gateway


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with running() as gateway:
        yield gateway


def basic(key: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (basic(KEY), {}),
        ({}, {"writeKey": KEY}),
        ({"authorization": "Bearer an-oauth-token"}, {"writeKey": KEY}),
        ({"authorization": f"Bearer {KEY}"}, {}),
        (basic(""), {"writeKey": KEY}),
    ],
)
def test_every_way_to_give_the_key_is_taken(gateway: Gateway, headers: dict[str, str], body: dict[str, str]) -> None:
    assert gateway.http.post("/v1/track", json={**ITEM, **body}, headers=headers).status_code == 200
    assert gateway.http.post("/v1/batch", json={"batch": [ITEM], **body}, headers=headers).status_code == 200
    assert [event["project"] for event in gateway.events()] == ["default", "default"]


def test_the_key_of_an_item_counts_where_the_batch_has_none(gateway: Gateway) -> None:
    assert gateway.http.post("/v1/b", json={"batch": [{**ITEM, "writeKey": KEY}]}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (basic("wrong"), {"writeKey": KEY}),
        ({"authorization": "Basic ;;;"}, {}),
        ({"authorization": "Digest x"}, {}),
        ({}, {"writeKey": ""}),
        ({}, {"writeKey": {"key": KEY}}),
    ],
)
def test_no_key_or_a_wrong_one_is_401_and_says_where_to_find_it(
    gateway: Gateway, headers: dict[str, str], body: dict[str, Any]
) -> None:
    answer = gateway.http.post("/v1/track", json={**ITEM, **body}, headers=headers)
    assert (answer.status_code, answer.json()["error"]["reason"]) == (401, "unauthorised")


CALLS = {
    "track": {"event": "x"},
    "page": {"name": "Home"},
    "screen": {"name": "Main"},
    "identify": {},
    "group": {"groupId": "g"},
    "alias": {"previousId": "p"},
}


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("kind", sorted(CALLS))
def test_every_call_has_a_path_and_a_short_one_with_and_without_slash(gateway: Gateway, kind: str, slash: str) -> None:
    body = json.dumps({"writeKey": KEY, "userId": "1", **CALLS[kind]}).encode()
    for path in (f"/v1/{kind}{slash}", f"/v1/{kind[0]}{slash}"):
        answer = gateway.http.post(path, content=body, headers={"content-type": "text/plain"})
        assert (answer.status_code, answer.json()) == (200, {"success": True, "accepted": 1, "rejected": []})
    assert [event["type"] for event in gateway.events()] == [kind, kind]


@pytest.mark.parametrize("path", ["batch", "batch/", "import", "import/", "b", "b/"])
def test_every_batch_path_takes_gzip(gateway: Gateway, path: str) -> None:
    body = gzip.compress(json.dumps({"writeKey": KEY, "batch": [ITEM, ITEM]}).encode())
    answer = gateway.http.post(f"/v1/{path}", content=body, headers={"content-encoding": "gzip"})
    assert (answer.status_code, answer.json()["accepted"]) == (200, 2)


def test_a_browsers_own_address_is_taken_and_a_servers_isnt(gateway: Gateway) -> None:
    gateway.http.post("/v1/t", json={**ITEM, "writeKey": KEY})
    gateway.http.post("/v1/track", json={**ITEM, "writeKey": KEY})
    assert [event["ip"] for event in gateway.events()] == ["198.51.100.7", None]


def test_settings_lead_a_browser_client_to_this_gateway_and_nowhere_else(gateway: Gateway) -> None:
    answer = gateway.http.get(f"/v1/projects/{KEY}/settings").json()
    assert answer["integrations"] == {
        "Segment.io": {"apiKey": KEY, "apiHost": "testserver/v1", "protocol": "http"},
    }
    assert answer["metrics"] == {"sampleRate": 0}
    assert gateway.http.get("/v1/projects/wrong/settings").status_code == 401


def test_a_browser_of_another_origin_may_send_the_key_as_basic(gateway: Gateway) -> None:
    asked = {"origin": "https://shop.example", "access-control-request-method": "POST"}
    headers = {**asked, "access-control-request-headers": "authorization,content-type,x-retry-count"}
    answer = gateway.http.options("/v1/b", headers=headers)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
    allowed = answer.headers["access-control-allow-headers"]
    assert {"authorization", "x-retry-count"} <= {name.strip() for name in allowed.split(",")}


def test_bad_items_are_named_by_place_and_message_id_and_the_good_ones_go_on(gateway: Gateway) -> None:
    bad = {"type": "track", "userId": "1", "messageId": "m-1"}
    answer = gateway.batch(ITEM, bad, [7], ITEM)
    assert (answer.status_code, answer.json()["accepted"]) == (200, 2)
    assert [(each["index"], each.get("messageId"), each["field"]) for each in answer.json()["rejected"]] == [
        (1, "m-1", "event"),
        (2, None, "batch[2]"),
    ]
    assert len(gateway.dead_letters()) == 2


def test_a_request_of_bad_items_only_is_400_in_the_form_that_pythons_clients_read(gateway: Gateway) -> None:
    for answer in (
        gateway.batch({"type": "track", "userId": "1"}),
        gateway.http.post("/v1/track", json={"writeKey": KEY, "userId": "1"}),
    ):
        said = answer.json()
        assert (answer.status_code, said["success"], said["accepted"]) == (400, False, 0)
        assert (said["code"], said["message"]) == ("missing_field", "event a track call must give it")
        assert said["error"]["field"] == "event"
    assert len(gateway.dead_letters()) == 2


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (b"{", {}, (400, "malformed_json", b"{")),
        (b'{"batch":7}', {}, (400, "missing_field", b'{"batch":7}')),
        (b"no gzip", {"content-encoding": "gzip"}, (400, "malformed_envelope", b"")),
        (b" " * (5 << 20) + b" ", {}, (413, "oversize", b"")),
    ],
)
def test_a_body_that_is_refused_whole_leaves_a_dead_letter_as_its_client_throws_it_away(
    gateway: Gateway, body: bytes, headers: dict[str, str], expected: tuple[int, str, bytes]
) -> None:
    answer = gateway.http.post("/v1/batch", content=body, headers={**headers, **basic(KEY)})
    (letter,) = gateway.dead_letters()
    kept = SealedBox(PRIVATE).decrypt(letter["payload"])
    assert (answer.status_code, letter["reason"], kept) == expected
    assert answer.json()["error"]["reason"] == letter["reason"]


def test_a_body_without_a_known_key_leaves_nothing(gateway: Gateway) -> None:
    assert gateway.http.post("/v1/batch", content=b"{").status_code == 400
    assert gateway.http.post("/v1/batch", content=b"{", headers=basic("wrong")).status_code == 401
    assert gateway.publisher.records == {}


def test_an_empty_batch_is_nothing_wrong(gateway: Gateway) -> None:
    assert gateway.batch().json() == {"success": True, "accepted": 0, "rejected": []}


def test_an_event_over_32_kb_is_dead_lettered_and_those_around_it_go_on(gateway: Gateway) -> None:
    def sized(size: int) -> dict[str, Any]:
        rest = len(orjson.dumps({**ITEM, "properties": {"p": ""}}))
        return {**ITEM, "properties": {"p": "x" * (size - rest)}}

    answer = gateway.batch(sized(32_768), sized(32_769), ITEM)
    assert (answer.status_code, answer.json()["accepted"]) == (200, 2)
    assert [(each["index"], each["reason"]) for each in answer.json()["rejected"]] == [(1, "oversize")]
    (letter,) = gateway.dead_letters()
    assert len(SealedBox(PRIVATE).decrypt(letter["payload"])) == 32_769
    assert '"p":"xxx' in gateway.events()[0]["properties"]
    assert "_truncated" not in gateway.events()[0]["properties"]


@pytest.mark.parametrize("zipped", [True, False])
def test_a_batch_of_four_megabytes_as_rudderstack_sends_it_is_taken(gateway: Gateway, zipped: bool) -> None:
    item = {**ITEM, "properties": {"p": "x" * 32_000}}
    number = (4 << 20) // len(json.dumps(item)) + 1
    raw = json.dumps({"writeKey": KEY, "batch": [item] * number}).encode()
    body, headers = (gzip.compress(raw), {"content-encoding": "gzip"}) if zipped else (raw, {})
    answer = gateway.http.post("/v1/batch", content=body, headers=headers)
    assert (answer.status_code, answer.json()["accepted"]) == (200, number)


def test_a_batch_over_five_megabytes_is_413_however_small_it_travels(gateway: Gateway) -> None:
    body = gzip.compress(b'{"batch":[' + b" " * (5 << 20) + b"]}")
    headers = {"content-encoding": "gzip", **basic(KEY)}
    answer = gateway.http.post("/v1/batch", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "oversize")


def test_too_many_items_and_a_huge_shared_context_are_413_by_name(gateway: Gateway) -> None:
    many = gateway.http.post("/v1/batch", content=b'{"batch":[' + b"0," * 20_000 + b"0]}", headers=basic(KEY))
    assert (many.status_code, many.json()["error"]["field"]) == (413, "batch")
    context = gateway.batch(ITEM, context={"campaign": {"name": "x" * 40_000}})
    assert (context.status_code, context.json()["error"]["field"]) == (413, "context")
    assert gateway.events() == []


def test_a_large_batch_is_counted_through_over_its_slices(gateway: Gateway) -> None:
    items: list[Any] = [ITEM] * 1201
    items[700] = {"type": "track", "userId": "1", "messageId": "m-700"}
    answer = gateway.batch(*items)
    assert answer.json()["accepted"] == 1200
    assert [(each["index"], each["messageId"]) for each in answer.json()["rejected"]] == [(700, "m-700")]


def test_a_key_over_its_rate_is_429_with_when_to_come_again_and_another_key_isnt() -> None:
    with running(key_rate=Rate(0.5, 3)) as gateway:
        assert gateway.batch(ITEM, ITEM, ITEM).status_code == 200
        for answer in (
            gateway.batch(ITEM),
            gateway.http.post("/v1/track", json=ITEM, headers=basic(KEY)),
            gateway.http.post("/v1/batch", content=b"not looked at", headers=basic(KEY)),
        ):
            assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
            assert 1 <= int(answer.headers["retry-after"]) <= 2
            assert answer.headers["x-ratelimit-reset"] == answer.headers["retry-after"]
        assert gateway.batch(ITEM, key=OTHER).status_code == 200
        assert [event["project"] for event in gateway.events()] == ["default"] * 3 + ["other"]
        assert gateway.dead_letters() == []


def test_without_a_rate_nothing_is_429() -> None:
    with running() as gateway:
        assert {gateway.batch(*[ITEM] * 100).status_code for _ in range(5)} == {200}


def test_a_call_without_message_id_but_with_a_time_has_one_id_however_often_it_is_sent(gateway: Gateway) -> None:
    for _ in range(2):
        gateway.batch({**ITEM, "timestamp": "2026-01-01T00:00:00Z"})
        gateway.batch(ITEM)
    ids = [event["event_id"] for event in gateway.events()]
    assert ids[0] == ids[2]
    assert len(set(ids)) == 3


DEPTHS = [30, 300, 900, 1100, 200_000]


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("field", ["properties", "userId", "context", "traits", "type", "anything"])
def test_json_of_any_depth_in_any_field_is_taken_or_named(gateway: Gateway, depth: int, field: str) -> None:
    deep = b'{"a":' * depth + b"1" + b"}" * depth
    body = b'{"batch":[{"type":"track","event":"x","anonymousId":"1","' + field.encode() + b'":' + deep + b"}]}"
    answer = gateway.http.post("/v1/batch", content=body, headers=basic(KEY))
    assert answer.status_code in {200, 400}
    if answer.status_code == 400:
        assert answer.json()["error"]["reason"] in {"malformed_json", "invalid_field", "unknown_kind"}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=4), inner, max_size=4),
    max_leaves=12,
)
FIELDS = [
    "type", "event", "name", "category", "userId", "anonymousId", "previousId", "groupId", "messageId", "timestamp",
    "originalTimestamp", "sentAt", "properties", "traits", "context", "integrations", "writeKey", "version",
]  # fmt: skip
WELL = st.sampled_from(["track", "group", "alias", "2026-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01", ""])
CONTEXTS = st.dictionaries(st.sampled_from(["app", "page", "campaign", "consent", "ip", "traits", "groupId"]), JSON)
VALUES = JSON | WELL | CONTEXTS
FUZZED = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@FUZZED
@given(
    items=st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, VALUES)) | JSON, max_size=4),
    around=st.fixed_dictionaries({}, optional={"sentAt": VALUES, "context": VALUES, "integrations": JSON}),
)
def test_no_type_in_any_field_of_a_batch_makes_it_fail(items: list[Any], around: dict[str, Any]) -> None:
    gateway = Gateway()
    answer = gateway.http.post("/v1/batch", json={"batch": items, **around}, headers=basic(KEY))
    assert answer.status_code in {200, 400}, answer.text
    said = answer.json()
    if "rejected" in said:
        assert said["accepted"] + len(said["rejected"]) == len(items)
        assert said["accepted"] == len(gateway.events())
        assert all(each["reason"] and each["field"] and each["message"] for each in said["rejected"])
    else:
        assert said["error"]["field"] in {"sentAt", "context"}


@FUZZED
@given(
    path=st.sampled_from([*CALLS, *(name[0] for name in CALLS)]),
    body=JSON | st.dictionaries(st.sampled_from(FIELDS), VALUES),
)
def test_no_body_of_a_single_call_makes_it_fail(path: str, body: Any) -> None:
    answer = Gateway().http.post(f"/v1/{path}", json=body, headers=basic(KEY))
    assert answer.status_code in {200, 400}, answer.text
    assert answer.status_code == 200 or (answer.json()["code"] and answer.json()["error"]["field"])


@FUZZED
@given(body=st.binary(max_size=300), encoding=st.sampled_from(["", "gzip", "deflate", "br", "zstd", "lzma"]))
def test_no_bytes_make_a_batch_fail(body: bytes, encoding: str) -> None:
    answer = Gateway().http.post("/v1/batch", content=body, headers={"content-encoding": encoding, **basic(KEY)})
    assert answer.status_code == 400
    assert answer.json()["error"]["field"]


@FUZZED
@given(authorization=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40), scheme=st.booleans())
def test_no_authorization_makes_it_fail(authorization: str, scheme: bool) -> None:
    header = f"Basic {authorization}" if scheme else authorization
    answer = Gateway().http.post("/v1/track", json=ITEM, headers={"authorization": header})
    assert answer.status_code == 401


def test_numbers_past_what_json_readers_agree_on_are_taken(gateway: Gateway) -> None:
    body = b'{"event":"x","userId":"1","properties":{"big":123456789012345678901234567890,"e":1e400,"n":-0.0}}'
    answer = gateway.http.post("/v1/track", content=body, headers=basic(KEY))
    assert answer.status_code in {200, 400}
    if answer.status_code == 200:
        (event,) = gateway.events()
        assert math.isfinite(json.loads(event["properties"])["big"])
