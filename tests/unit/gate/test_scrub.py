"""What is taken out of texts, what stays, and what JSON becomes."""

from __future__ import annotations

import pytest

from tidegate_stream.gate.scrub import MalformedJsonError, personal_traits, scrub_json_text, sensitive_key
from tidegate_stream.gate.texts import bare_url, known_pattern, scrub_text, telling_producer

TAKEN = {
    "mail jane.o'neil+x@mail.example.co.uk now": "mail [email] now",
    "q=jane%40example.org": "q=[email]",
    "jane＠example.org": "[email]",
    "call +49 (170) 123-4567 or 0170 1234567": "call [phone] or [phone]",
    "(212) 555-0123": "[phone]",
    "card 4111 1111 1111 1111.": "card [card].",
    "card 5500-0000-0000-0004": "card [card]",
    "pay DE89 3704 0044 0532 0130 00 today": "pay [iban] today",
    "pay gb82west12345698765432": "pay [iban]",
    "from 192.168.17.4:80": "from [ip]:80",
    "from 2001:db8::17 and ::1": "from [ip] and [ip]",
    "mac 3D:F2:C9:A6:B3:4F": "mac [mac]",
    "ssn 123-45-6789": "ssn [ssn]",
    "t eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-def": "t [token]",
    "curl -H Bearer abcdef012345": "curl -H Bearer [token]",
    "authorization: Basic dXNlcjpw": "authorization: [secret]",
    "key sk_live_4eC39HqLyjWDarjtT1zdp7dc": "key [key]",
    "key AKIAIOSFODNN7EXAMPLE": "key [key]",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789": "[key]",
    "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY----- x": "[pem] x",
    "open /home/jane/app.py": "open /home/[user]/app.py",
    "open C:\\Users\\Jane Doe\\app.py": "open C:\\Users\\[user]\\app.py",
    "get https://jane:pw@example.org/a": "get https://[userinfo]@example.org/a",
    "password=hunter22&x=1": "password=[secret]&x=1",
    '{"api_key": "abc"}': '{"api_key": "[secret]"}',
    "id 12345678Z, 900307-1234561, 529.982.247-25": "id [national-id], [national-id], [national-id]",
    "call 06 12 34 56 78 or (08) 9082 2881": "call [phone] or [phone]",
    "mac abcd.ef01.2345": "mac [mac]",
    "Cookie: a=b; c=d": "Cookie: [secret]",
    "PHPSESSID=abc&x=1": "PHPSESSID=[secret]&x=1",
    "basic amFuZTphYmNk": "basic [token]",
    "whsec_abcdefghijklmnopqrstuvwx": "[key]",
    "q=%6Aane%40example.org": "q=[email]",
    "q=jane%2540example.org": "q=[email]",
    "x=%2Fhome%2Fjane%2Fa.py": "x=/home/[user]/a.py",
    '{\\"mail\\": \\"\\u006aane\\u0040example.org\\"}': '{\\"mail\\": \\"\\[email]\\"}',
    "see amFuZUBleGFtcGxlLm9yZw== there": "see [base64] there",
    "ｊａｎｅ＠ｅｘａｍｐｌｅ．ｏｒｇ в порту": "[email] в порту",
    "４１１１ １１１１ １１１１ １１１１": "[card]",
    "путь /hоmе/jane/app": "путь /home/[user]/app",
}

STAYS = (
    "the author of 3 tokens",
    "release shop@1.4.0",
    "version 1.2.3",
    "at 12:30:45 on 2026-03-01T12:30:45Z",
    "std::vector<int>",
    "order 4111111111111112",
    "0af7651916cd43dd8448eb211c80319c",
    "01a207cd-5327-7098-9af5-36a3c7bd8758",
    "1760000400000000",
    "0.30000000000000004",
    "/agents/{id}/runs",
    "SELECT name FROM users WHERE id = ?",
    "DE00370400440532013000",
    "basic understanding of tides",
    "Chrome/120.0.12.14",
    "20250322054328",
    "100%25 of C:\\new\\table",
    "лодка отходит от причала",
    "UnicodeDecodeErrorHandler",
    "00318966-2050-30f3-c3b4-4efb8d8c4d52",
)


@pytest.mark.parametrize(("text", "clean"), TAKEN.items())
def test_personal_data_and_secrets_are_replaced(text: str, clean: str) -> None:
    assert scrub_text(text) == clean


@pytest.mark.parametrize("text", STAYS)
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert scrub_text(text) == text


@pytest.mark.parametrize(
    "iban", ["\u212aW81CBKU0000000000001234560101", "\u0130E29AIBK93115212345678", "gb82weſt12345698765432"]
)
def test_an_iban_with_letters_that_only_look_like_it_goes_and_stops_nothing(iban: str) -> None:
    assert scrub_text(f"pay {iban}") == "pay [iban]"


@pytest.mark.parametrize(
    "key", ["password", "authToken", "api-key", "X-CSRF-Token", "private_key", "otp", "Set-Cookie"]
)
def test_keys_that_name_secrets_are_sensitive(key: str) -> None:
    assert sensitive_key(key)


@pytest.mark.parametrize("key", ["author", "tokens_used", "passenger", "keyboard", "oauthor", "monkey", "cookiecutter"])
def test_keys_that_only_look_like_it_are_not(key: str) -> None:
    assert not sensitive_key(key)


def test_a_url_loses_query_and_fragment_but_keeps_its_path() -> None:
    assert bare_url("https://example.org/a/b?q=1#top") == "https://example.org/a/b"
    assert bare_url("https://example.org/a%3Fq=jane") == "https://example.org/a"


def test_known_ids_go_as_whole_words_in_any_case_and_encoding() -> None:
    known = known_pattern(["Jane Doe", "u-17", None, "x"])
    assert scrub_text("jane doe, Jane%20Doe, u-17, u-171, x", known) == "[id], [id], [id], u-171, x"


def test_a_short_id_takes_no_words_with_it() -> None:
    assert known_pattern(["42", "x"]) is None


def test_json_stays_json_and_becomes_canonical() -> None:
    text = '{ "b": 4111111111111111, "a": {"password": 5, "author": "x"}, "jane@example.org": [null, true, 1.5] }'
    clean = '{"[email]":[null,true,1.5],"a":{"author":"x","password":"[secret]"},"b":"[card]"}'
    assert scrub_json_text(text, dict) == clean


def test_an_escape_hides_nothing_in_json() -> None:
    assert scrub_json_text('{"a":"jane\\u0040example.org"}', dict) == '{"a":"[email]"}'


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"a":NaN}', '{"a":1}x'])
def test_what_is_no_json_object_is_malformed(text: str) -> None:
    with pytest.raises(MalformedJsonError):
        scrub_json_text(text, dict)


def test_traits_tell_the_names_of_a_person() -> None:
    told = personal_traits('{"name":"Jane Doe","plan":"free","contact":{"email":"j@x.org"},"address":{"city":"Kiel"}}')
    assert sorted(told) == ["Jane Doe", "Kiel", "j@x.org"]


@pytest.mark.parametrize("name", ["sdk:" + "4111111111111111" * 2, "0" * 32, "billing-cron", "browser:" + "ab" * 16])
def test_random_and_plain_names_of_producers_tell_nothing(name: str) -> None:
    assert not telling_producer(name)


@pytest.mark.parametrize(
    "name", ["192.168.17.4", "3D:F2:C9:A6:B3:4F", "sk_live_4eC39HqLyjWDarjtT1zdp7dc", "4111111111111111"]
)
def test_what_a_text_may_not_hold_a_producers_name_may_not_either(name: str) -> None:
    assert telling_producer(name)


def test_an_id_that_is_the_end_of_a_longer_address_leaves_nothing_of_it() -> None:
    known = known_pattern(["x@example.org"])
    assert scrub_text("from jane-x@example.org to x@example.org", known) == "from [email] to [id]"
