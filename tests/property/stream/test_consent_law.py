"""Consent: in whatever order decisions and events come, the verdict is the same, by column as by record."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.stream.raw_records import NOW
from tests.property.stream.test_gate_law import KEYS, raw_frame

from tidegate_schemas.consent import PURPOSES, STATES, purpose_of
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.reasons import Reason
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import REQUIRED, clean_schema, consent_schema, raw_schema
from tidegate_schemas.topics import KINDS, Kind
from tidegate_stream.gate import Gate, Records, Seen, consents
from tidegate_stream.gate.compacted import Entry
from tidegate_stream.gate.consents import SUBJECT_FIELDS, Consents, as_decisions
from tidegate_stream.gate.decisions import (
    ANONYMOUS,
    DENIED,
    WITHDRAWN,
    consent_key,
    consents_of,
    event_time,
    level_at,
    levels_of,
)
from tidegate_stream.gate.plan import compile_plan
from tidegate_stream.gate.pseudonyms import Pseudonymiser
from tidegate_stream.gate.reference import clean_record

names = KEYS.every_pseudonym
TRACK = compile_plan("track")
CODEC = RowCodec(consent_schema())
REASONS = {DENIED: Reason.CONSENT_DENIED, WITHDRAWN: Reason.CONSENT_WITHDRAWN}
laws = settings(max_examples=60, deadline=None)

people = st.fixed_dictionaries(
    {
        "user_id": st.sampled_from([None, None, "", "ann", "bob"]),
        "anonymous_id": st.sampled_from([None, "phone", "laptop", "tablet"]),
        "occurred_at": st.integers(0, 8),
        "received_at": st.integers(2, 8),
    }
)
decisions = st.builds(
    dict.__or__,
    people,
    st.fixed_dictionaries(
        {
            "state": st.sampled_from([*STATES, *STATES, "unknown"]),
            "purposes": st.sampled_from([None, None, [], ["analytics"], ["errors", "performance"], ["elsewhere"]]),
        }
    ),
)


def at(step: int) -> datetime:
    return NOW + timedelta(seconds=step)


def event(kind: Kind, number: int, said: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A raw record of a kind."""
    defaults = {item.name: item.default for item in raw_schema(kind).fields if item.default is not REQUIRED}
    own = {
        "event_id": derived_event_id(kind, str(number)),
        "producer_id": "sdk:1",
        "project": "default",
        "name": "open",
    }
    times = {"occurred_at": at(said["occurred_at"]), "received_at": at(said["received_at"])}
    return {**defaults, **own, "user_id": said["user_id"], "anonymous_id": said["anonymous_id"], **times, **fields}


def decision(number: int, said: dict[str, Any]) -> dict[str, Any]:
    """A raw record that tells a decision."""
    told = {name: said[name] for name in ("state", "purposes") if said[name] is not None}
    return event("track", 10_000 + number, said, name="consent", properties=json.dumps(told))


def records_of(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [record for row in rows for record in consents_of(TRACK, names, row)]


def verdict(kind: Kind, row: dict[str, Any], known: list[dict[str, Any]]) -> int:
    """By the reference: the strictest over the event's ids."""
    ids = [row.get(name) for name in SUBJECT_FIELDS]
    subjects = {pseudonym for each in ids if each for pseudonym in names("default", each)}
    levels = [
        level_at(
            [
                (each["decided_at"], level)
                for each in known
                if each["pseudonym"] == subject and (level := levels_of(each)[purpose_of(kind)]) is not None
            ],
            event_time(row),
        )
        for subject in subjects
    ]
    return max(levels, default=0)


def table(rng: Random, known: list[dict[str, Any]]) -> Consents:
    """All of them, some more than once, in any order, in any pieces."""
    drawn = [*known, *rng.sample(known, len(known) // 2)]
    rng.shuffle(drawn)
    there = Consents()
    while drawn:
        size = rng.randint(1, len(drawn))
        there.take([Entry(consent_key(each), CODEC.encode(each)) for each in drawn[:size]])
        del drawn[:size]
    return there


@laws
@given(st.lists(decisions, max_size=8), st.lists(people, max_size=6), st.sampled_from(KINDS), st.randoms())
def test_any_order_of_decisions_gives_the_verdict_of_the_reference(
    told: list[dict[str, Any]], events: list[dict[str, Any]], kind: Kind, rng: Random
) -> None:
    known = records_of([decision(number, each) for number, each in enumerate(told)])
    rows = [event(kind, number, each) for number, each in enumerate(events)]
    learnt = rng.sample(known, rng.randint(0, len(known)))
    own = [each for each in known if each not in learnt]
    levels = table(rng, learnt).levels(kind, raw_frame(kind, rows), names, as_decisions(own))
    assert (levels.to_list() if levels is not None else [0] * len(rows)) == [verdict(kind, row, known) for row in rows]


def test_many_decisions_that_have_settled_are_found_as_few_are(monkeypatch: Any) -> None:
    monkeypatch.setattr(consents, "SETTLE_ROWS", 3)
    test_any_order_of_decisions_gives_the_verdict_of_the_reference()


@laws
@given(st.lists(decisions | people, max_size=12), st.lists(decisions, max_size=4), st.randoms())
def test_a_chunk_is_cleaned_as_its_own_and_earlier_decisions_say(
    said: list[dict[str, Any]], earlier: list[dict[str, Any]], rng: Random
) -> None:
    rows = [decision(n, each) if "state" in each else event("track", n, each) for n, each in enumerate(said)]
    before = records_of([decision(100 + n, each) for n, each in enumerate(earlier)])
    known = [*before, *records_of(rows)]
    chunk = Records("raw.track", 1, list(range(len(rows))) or [0], [b"x"] * len(rows), [0] * (len(rows) or 1))
    gate = Gate("track", KEYS, consents=table(rng, before))
    result = gate.process(raw_frame("track", rows), [], chunk, Seen())
    assert list(result.told.consents) == records_of(rows)
    levels = [verdict("track", row, known) for row in rows]
    counted = {place: level for place, level in enumerate(levels) if level in REASONS}
    reasons = {row["_index"]: row["reason"] for row in result.refused.iter_rows(named=True)}
    assert reasons == {place: REASONS[level].value for place, level in counted.items()}
    assert result.dead_letters.is_empty()
    expected = [
        {**clean_record(TRACK, Pseudonymiser(KEYS), _limited(row, level)), "source_offset": place}
        for place, (row, level) in enumerate(zip(rows, levels, strict=True))
        if level < DENIED
    ]
    assert result.clean.rows(named=True) == [
        {name: row[name] for name in clean_schema("track").names} for row in expected
    ]


def _limited(row: dict[str, Any], level: int) -> dict[str, Any]:
    return {**row, "consent": "anonymous"} if level == ANONYMOUS else row


def scenario(*steps: tuple[int, str]) -> list[int]:
    """Verdicts of events at 0.5, 1.5, … after all decisions (time, state) of one person are known."""
    known = [(at(when), STATES.index(state)) for when, state in steps]
    return [level_at(known, at(when) + timedelta(seconds=0.5)) for when in range(5)]


def test_a_withdrawal_beats_what_was_before_it_and_a_later_yes_brings_nothing_back() -> None:
    assert scenario((1, "granted")) == [0, 0, 0, 0, 0]
    assert scenario((1, "granted"), (3, "withdrawn")) == [3, 3, 3, 3, 3]
    assert scenario((1, "granted"), (2, "withdrawn"), (4, "granted")) == [3, 3, 3, 3, 0]
    assert scenario((1, "denied"), (2, "granted"), (4, "anonymous")) == [2, 2, 1, 1, 1]
    assert scenario((1, "anonymous"), (3, "granted")) == [1, 1, 1, 0, 0]


def test_nobody_is_taken_for_somebody_else() -> None:
    stopped = records_of(
        [
            decision(
                n,
                {
                    "user_id": f"user-{n}",
                    "anonymous_id": None,
                    "occurred_at": 9,
                    "received_at": 9,
                    "state": "withdrawn",
                    "purposes": None,
                },
            )
            for n in range(2_000)
        ]
    )
    there = table(Random(1), stopped)
    others = [
        event("track", n, {"user_id": f"other-{n}", "anonymous_id": None, "occurred_at": 1, "received_at": 1})
        for n in range(2_000)
    ]
    assert there.levels("track", raw_frame("track", others), names, as_decisions([])) is None


def test_a_table_without_a_no_looks_at_nothing() -> None:
    granted = records_of(
        [
            decision(
                1,
                {
                    "user_id": "ann",
                    "anonymous_id": None,
                    "occurred_at": 1,
                    "received_at": 1,
                    "state": "granted",
                    "purposes": None,
                },
            )
        ]
    )
    there = table(Random(1), granted)
    assert there.levels("track", pl.DataFrame(), names, as_decisions([])) is None


def test_purposes_of_a_yes_leave_the_others_out_and_those_of_a_no_leave_them_alone() -> None:
    def said(state: str, purposes: list[str] | None) -> dict[str, Any]:
        row = decision(
            1,
            {
                "user_id": "ann",
                "anonymous_id": None,
                "occurred_at": 1,
                "received_at": 1,
                "state": state,
                "purposes": purposes,
            },
        )
        return levels_of(records_of([row])[0])

    assert said("granted", ["analytics"]) == dict(zip(PURPOSES, (0, DENIED, DENIED), strict=True))
    assert said("withdrawn", ["errors"]) == dict(zip(PURPOSES, (None, WITHDRAWN, None), strict=True))
    assert said("granted", []) == dict.fromkeys(PURPOSES, DENIED)
    assert said("granted", None) == dict.fromkeys(PURPOSES, 0)


def test_a_decision_under_a_denied_consent_counts_and_its_event_is_dropped() -> None:
    said = {"user_id": None, "anonymous_id": "phone", "occurred_at": 1, "received_at": 1}
    row = event("track", 1, said, name="consent", consent="denied", properties='{"state":"withdrawn","version":"3"}')
    broken = {**row, "event_id": derived_event_id("2"), "sample_rate": 0.0}
    chunk = Records("raw.track", 1, [0, 1], [b"x", b"y"], [0, 0])
    result = Gate("track", KEYS).process(raw_frame("track", [row, broken]), [], chunk, Seen())
    assert [(each["decision"], each["consent_version"]) for each in result.told.consents] == [("withdrawn", "3")]
    assert result.clean.is_empty()


def test_only_what_its_sender_alone_can_know_is_erased_by_way_of_a_gateway() -> None:
    said = {"user_id": "ann", "anonymous_id": "phone", "occurred_at": 1, "received_at": 1}
    asked = '{"erase":true,"state":"withdrawn"}'

    def erased(**fields: str) -> list[str]:
        row = event("track", 1, said, name="consent", **{"properties": asked, **fields})
        return [each["pseudonym"] for each in records_of([row]) if each["erase"]]

    user, device = names("default", "ann")[0], names("default", "phone")[0]
    assert erased() == [user, device]
    assert erased(producer_id="gateway:1") == erased(producer_id="browser:1") == [device]
    assert erased(properties='{"erase":true,"state":"granted"}') == []


def test_what_is_said_of_a_version_is_scrubbed_and_short() -> None:
    said = {"user_id": "user-4711", "anonymous_id": None, "occurred_at": 1, "received_at": 1}
    told = {"state": "granted", "version": "jane.doe@example.org user-4711 " + "x" * 100, "purposes": "Analytics"}
    record = records_of([event("track", 1, said, name="consent", properties=json.dumps(told))])[0]
    assert "jane" not in record["consent_version"]
    assert "4711" not in record["consent_version"]
    assert len(record["consent_version"]) == 64
    assert record["purposes"] == ["analytics"]
    assert record["decided_at"] == at(1) == datetime(2026, 3, 1, 12, 0, 1, tzinfo=UTC)
