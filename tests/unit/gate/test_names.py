"""Names of properties hold nothing personal either, and two that become alike both keep a place."""

import json

import polars as pl
import pytest

from tidegate_stream.gate.json_columns import ParsedTexts, scrubbed
from tidegate_stream.gate.scrub import scrub_json_text
from tidegate_stream.gate.texts import known_pattern

CASES = {
    "an address": ('{"jane@example.org":1}', '{"[email]":1}'),
    "nested": ('{"a":[{"b":{"+49 170 1234567":"x"}}]}', '{"a":[{"b":{"[phone]":"x"}}]}'),
    "a token": ('{"sk_live_4eC39HqLyjWDarjtT1zdp7dc":true}', '{"[key]":true}'),
    "a secret's too": ('{"password of jane@example.org":"x"}', '{"password of [email]":"[secret]"}'),
    "three alike": (
        '{"c@x.org":3,"b@x.org":2,"a@x.org":1}',
        '{"[email]":1,"[email]_2":2,"[email]_3":3}',
    ),
    "one that looked so before": (
        '{"a@x.org":1,"[email]":2,"[email]_2":3}',
        '{"[email]":2,"[email]_2":3,"[email]_3":1}',
    ),
    "pairs of a header": (
        '{"headers":[["Host","shop"],["Authorization","Digest x"]]}',
        '{"headers":[["Host","shop"],["Authorization","[secret]"]]}',
    ),
    "named values": (
        '{"cookies":null,"of":[{"name":"sessionid","value":"x1"},{"key":"theme","value":"dark"}]}',
        '{"cookies":null,"of":[{"name":"sessionid","value":"[secret]"},{"key":"theme","value":"dark"}]}',
    ),
    "no pairs": ('{"tags":["auth","billing"]}', '{"tags":["auth","billing"]}'),
}


def by_column(text: str) -> str:
    column, parsed = pl.Series([text]), ParsedTexts()
    assert not parsed.malformed(column, dict)
    return str(scrubbed(column, dict, parsed)[0])


@pytest.mark.parametrize(("text", "clean"), CASES.values(), ids=CASES.keys())
def test_names_are_scrubbed_by_column_and_by_record(text: str, clean: str) -> None:
    assert scrub_json_text(text, dict) == clean
    assert by_column(text) == clean


def test_own_ids_leave_names() -> None:
    assert scrub_json_text('{"user-4711":{"USER-4711":1}}', dict, known_pattern(["user-4711"])) == '{"[id]":{"[id]":1}}'


def test_names_that_become_alike_have_eight_places_and_the_others_are_left_out() -> None:
    text = json.dumps({f"a{number:02}@x.org": number for number in range(20)})
    clean = json.loads(scrub_json_text(text, dict))
    assert list(clean.values()) == list(range(8))
    assert json.loads(by_column(text)) == clean
