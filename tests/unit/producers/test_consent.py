"""Consent and context: what leaves the process, and with which ids."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from tests.unit.producers.recording import Recording

from tidegate import Who, context
from tidegate_schemas.reasons import Reason
from tidegate_schemas.subjects import raw_schema
from tidegate_stream.gate.decisions import consents_of
from tidegate_stream.gate.keys import MemoryKeys
from tidegate_stream.gate.plan import compile_plan


def test_denied_sends_nothing_about_people_and_counts_it_by_kind() -> None:
    client = Recording(consent="granted")
    client.track("seen", user_id="42")
    client.consent("denied")
    client.track("unseen", user_id="42")
    client.error("unseen")
    client.counter("orders").add(2)
    assert [event["name"] for event in client.sent] == ["seen", "consent"]
    assert client.of("error") == []
    assert [point["value"] for point in client.of("metric")] == [2.0]
    assert client.dropped == {Reason.CONSENT_DENIED: 2}
    told = {(each["kind"], each["reason"], each["quantity"]) for each in client.outcomes}
    assert told == {("track", "consent_denied", 1), ("error", "consent_denied", 1)}


def test_anonymous_events_have_no_ids_and_links_are_not_sent() -> None:
    client = Recording()
    client.consent("anonymous", version="2026-03")
    client.track("seen", {"plan": "pro"}, user_id="42", session_id="s", ip="203.0.113.7")
    client.identify("42")
    client.alias("41", "42")
    told, seen = client.sent
    assert (told["name"], told["properties"]) == (
        "consent",
        '{"purposes":null,"state":"anonymous","version":"2026-03"}',
    )
    assert [seen[name] for name in ("user_id", "anonymous_id", "session_id", "ip")] == [None] * 4
    assert (seen["consent"], seen["properties"]) == ("anonymous", '{"plan":"pro"}')
    assert client.dropped == {Reason.CONSENT_DENIED: 2}


def test_a_no_names_its_person_only_where_their_ids_went_out_before() -> None:
    asked_first = Recording(consent="anonymous")
    asked_first.consent("denied", version="3")
    (nobody,) = asked_first.sent
    assert (nobody["consent"], nobody["anonymous_id"], nobody["user_id"]) == ("anonymous", None, None)
    client = Recording(consent="granted")
    with context(user_id="42"):
        client.consent("withdrawn", version="3", erase=True)
        client.track("unseen")
    (told,) = client.sent
    assert (told["consent"], told["user_id"], told["anonymous_id"]) == ("denied", "42", client.anonymous_id)
    assert told["properties"] == '{"erase":true,"purposes":null,"state":"withdrawn","version":"3"}'


def test_a_server_tells_a_persons_decision_and_goes_on_for_the_others() -> None:
    client = Recording(device=False)
    client.consent("withdrawn", user_id="42", erase=True)
    client.track("seen", user_id="43")
    told, seen = client.sent
    assert (told["name"], told["user_id"], told["consent"]) == ("consent", "42", "denied")
    assert (seen["user_id"], seen["consent"]) == ("43", "unknown")


def test_what_an_sdk_tells_the_gate_records() -> None:
    client = Recording(consent="granted")
    client.consent("withdrawn", version="3", user_id="42", purposes=["errors"])
    keys = MemoryKeys({"default": b"k" * 32}, bytes(32))
    raw = {item.name: item.default for item in raw_schema("track").fields} | client.sent[0] | {"project": "default"}
    (user, _) = consents_of(
        compile_plan("track"), keys.every_pseudonym, {"producer_id": "sdk:1", "event_id": "", **raw}
    )
    assert user["pseudonym"] == keys.every_pseudonym("default", "42")[0]
    assert (user["decision"], user["consent_version"], user["purposes"]) == ("withdrawn", "3", ["errors"])


def test_purposes_limit_a_consent_to_kinds() -> None:
    client = Recording()
    client.consent("granted", purposes=["analytics"])
    client.track("seen")
    client.error("unseen")
    assert len(client.sent) == 2
    assert client.of("error") == []


def test_a_call_and_a_context_go_before_the_clients_consent() -> None:
    client = Recording(consent="denied")
    client.track("first", consent="granted")
    with context(consent="anonymous", user_id="42"):
        client.track("second")
        client.track("third", consent="granted")
    client.track("fourth")
    assert [(event["name"], event["consent"], event["user_id"]) for event in client.sent] == [
        ("first", "granted", None),
        ("second", "anonymous", None),
        ("third", "granted", "42"),
    ]


def test_a_state_that_is_none_is_a_no(caplog: pytest.LogCaptureFixture) -> None:
    client = Recording()
    client.consent("grantd")
    client.track("unseen")
    assert client.sent == []
    assert "'grantd' is none of anonymous, denied, granted, unknown, withdrawn" in caplog.text


def test_contexts_nest_and_end_and_calls_go_before_them() -> None:
    client = Recording()
    with context(user_id="1", session_id="a"):
        with context(user_id="2"):
            client.track("inner")
            client.track("own", user_id="3")
        client.track("outer")
    client.track("outside")
    assert [(event["user_id"], event["session_id"]) for event in client.sent] == [
        ("2", "a"),
        ("3", "a"),
        ("1", "a"),
        (None, None),
    ]


async def test_tasks_do_not_see_each_others_contexts() -> None:
    client, both = Recording(), asyncio.Barrier(2)

    async def visit(user: str) -> None:
        with context(user_id=user):
            await both.wait()
            client.track(user)

    await asyncio.gather(visit("anna"), visit("bert"))
    assert {event["name"]: event["user_id"] for event in client.sent} == {"anna": "anna", "bert": "bert"}


def test_threads_do_not_see_each_others_contexts() -> None:
    client = Recording()
    with context(user_id="42"):
        thread = threading.Thread(target=client.track, args=["elsewhere"])
        thread.start()
        thread.join()
    assert client.sent[0]["user_id"] is None


#: None of them may be found in the digits of a UUID by chance.
THEIR_IDS = ("user-4711", "session-0815", "bob", "customer-one", "previous-visit", "other-visit")


def texts_of_a_person(client: Recording) -> str:
    """All that was sent of calls whose texts, members and their names hold the ids that the events have."""
    who: Who = {"user_id": "user-4711-x", "session_id": "session-0815"}
    client.track("Seen by user-4711-x", {"of": {"USER-4711-X": ["session-0815"]}, "session_id": "other-visit"}, **who)
    client.track_many([{"event": "many", "properties": {"device": client.anonymous_id}}])
    before = {"session.previous_id": "previous-visit"}
    client.error("no basket of user-4711-x", route="/u/user-4711-x", properties=before, **who)
    with client.span("GET /u/user-4711-x", "request", user_id="user-4711-x") as span:
        span.say(properties={"user.name": "bob", "enduser.id": "customer-one", "user_agent.name": "curl", "items": 3})
    events = [*client.sent, *client.of("error"), *client.of("span")]
    assert len(events) == 4
    return str(events)


def test_anonymous_events_have_their_ids_in_no_text_either() -> None:
    client = Recording(consent="anonymous")
    told = texts_of_a_person(client).lower()
    assert not [word for word in THEIR_IDS if word in told]
    assert client.anonymous_id not in told
    assert all(word in told for word in ("get /u/[id]", "no basket of [id]", '"user_agent.name":"curl"', '"items":3'))


def test_control_with_consent_the_ids_go_to_the_gate_which_takes_them_out() -> None:
    client = Recording(consent="granted")
    told = texts_of_a_person(client)
    assert all(word in told for word in (*THEIR_IDS, client.anonymous_id))


def test_an_id_that_is_no_text_is_taken_out_of_anonymous_texts_too() -> None:
    client = Recording(consent="anonymous")
    number: Any = 471_100
    client.track("seen 471100", {"of": 471_100}, user_id=number)
    (event,) = client.sent
    assert (event["name"], event["properties"], event["user_id"]) == ("seen [id]", '{"of":"[id]"}', None)
