"""Raw records of which every text nearly matches a pattern, and holds the record's own ids in any way of writing them.

Drawn from a seeded `Random`, as `near_matches` are, and for the same reason. Most are valid.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from decimal import Decimal
from random import Random
from typing import Any
from urllib.parse import quote

from tests.property.stream.near_matches import near_json_value, near_match, string
from tests.property.stream.raw_records import EXEMPLARS, NOW

from tidegate_schemas.subjects import Field, raw_schema
from tidegate_schemas.topics import Kind
from tidegate_stream.gate.plan import JSON, URLS

#: Ids that look like numbers, patterns, escapes and JSON, and letters whose case isn't simple.
IDS = (
    *("47114711", "user-4711", "jane", '"j"ane', "Jane Doe", "4111111111111111.0", "e+19", "1.5e-05", "0.12345", "e"),
    *("1e22", "100000000000000000000", "true", "null", "[id]x", "token", "[secret]", "id=1", "{}{}", '{"a":1}'),
    *(
        "a/b c",
        "(?:x)",
        "$^.*",
        "****",
        "\\u0040",
        "%40%40",
        "   x",
        "\n\n\n\n",
        "\x00\x00\x00\x00",
        "a\x00bc",
        "naïve",
    ),
    *("nai\u0308ve", "JÜRGEN", "Straße 5", "ẞẞab", "İlker", "I\u0307lker", "\u212aate", "ſusi", "ΣΣΣΣ", "σσσς", "θϑxx"),
    *("\u0345ιab", "ﬁsh", "ＪＡＮＥ", "\U0001f600" * 4),
)
NETWORKS = (None, "192.168.17.4", "2001:db8::17", "::ffff:10.1.2.3", "fe80::1%eth0", " 10.0.0.1 ", "[::1]", "nowhere")
TRAITS = ("name", "email", "plan", "Telephone", "xNamex", "\u212aname", "naıme", "uſer")
LETTERS = str.maketrans("ski", "ſ\u212aı")
DEEP = ("[" * 33 + '"a@b.cd"' + "]" * 33, "[" * 150 + "1" + "]" * 150)
OPTIONS: dict[str, Sequence[Any]] = {
    **{"project": ("default",) * 20 + ("keyless",), "producer_id": ("p1", "p2", "a:b.c"), "sequence": (0, 7)},
    **{"consent": ("granted", "unknown", "anonymous") * 7 + ("denied",), "type": ("track", "identify")},
    **{"level": ("error",), "operation": ("query",), "status": ("ok",), "status_code": (200,), "severity_number": (9,)},
    "exemplars": ("[]", EXEMPLARS),
    **{
        "instrument": ("gauge",),
        "temporality": ("",),
        "sample_rate": (1.0,),
        "duration_seconds": (0.1,),
        "value": (1.5,),
        "sum": (1.5,),
    },
    **{"count": (2,), "bucket_bounds": ([],), "bucket_counts": ([],), "handled": (True,), "failed": (True,)},
    **{"occurred_at": (NOW,), "received_at": (NOW,), "started_at": (NOW,), "ip": NETWORKS},
    **{"report": ("session", "feedback"), "state": ("", "ok"), "init": (True,), "errors": (0, 1), "quantity": (1,)},
    **{"error_id": (None,)},
}


def near_records(rng: Random, kind: Kind, number: int) -> list[dict[str, Any]]:
    """Records in which the same fields, drawn once for all, are null throughout."""
    absent = {field.name for field in raw_schema(kind).fields if field.nullable and rng.random() < 0.25}
    return [_near_record(rng, kind, absent) for _ in range(number)]


def _near_record(rng: Random, kind: Kind, absent: set[str]) -> dict[str, Any]:
    fields = sorted(raw_schema(kind).fields, key=lambda field: field.privacy not in {"pseudonymise", "truncate"})
    own: list[str] = []
    record: dict[str, Any] = {}
    if kind == "track":
        record["traits"], own = _traits(rng) if rng.random() < 0.2 else ("{}", [])
    for field in fields:
        if field.name in record:
            continue
        value = None if field.name in absent or (field.nullable and rng.random() < 0.2) else _value(rng, field, own)
        if value and field.privacy in {"pseudonymise", "truncate"}:
            own.append(value)
        record[field.name] = value
    return record


def _value(rng: Random, field: Field, own: Sequence[str]) -> Any:
    if field.name in OPTIONS:
        return rng.choice(OPTIONS[field.name])
    if field.name == "event_id":
        return str(uuid.UUID(int=rng.getrandbits(128)))
    if field.privacy == "pseudonymise":
        return _id(rng)
    if field.name in JSON:
        return _json(rng, JSON[field.name], own)
    query = rng.choice(("", "?a=b", "#x", "%3Fx=\n1", "%23")) if field.name in URLS else ""
    return _text(rng, own) + query


def _id(rng: Random) -> str:
    return rng.choice((rng.choice(IDS), rng.choice(IDS), near_match(rng), repr(_float(rng))))


def _float(rng: Random) -> float:
    """A number: with digits enough that its neighbours are written alike (8 to 10), with few, or any."""
    grown = rng.random() * 10.0 ** rng.randint(-12, 20)
    return rng.choice((rng.uniform(8, 10), float(f"{grown:.4g}"), grown))


def _traits(rng: Random) -> tuple[str, list[str]]:
    traits = {key: _id(rng) for key in rng.sample(TRAITS, rng.randrange(3))}
    return json.dumps(rng.choice((traits, {"name": traits}, {"names": [*traits.values()]}))), list(traits.values())


def _text(rng: Random, own: Sequence[str]) -> str:
    if not own or rng.random() < 0.5:
        return rng.choice((near_match(rng), near_match(rng), "", "see"))
    before, after = rng.choice(("", "x ", "/", "=", "é", "_")), rng.choice(("", " x", "&", "%", "é", near_match(rng)))
    return before + _written(rng, rng.choice(own)) + after


def _written(rng: Random, own: str) -> str:
    """An id in one of the ways that a text may have it, or nearly."""
    encoded = quote(own, safe="")
    ways = (own, own.upper(), own.title(), own.casefold(), encoded, encoded.lower(), quote(own), own.translate(LETTERS))
    return rng.choice((*ways, own[:-1], own + "\u0301", "\u0301" + own))


def _json(rng: Random, container: type, own: Sequence[str]) -> str:
    chance = rng.random()
    if chance < 0.35:
        return rng.choice(("{}", "{}", " {} ") if container is dict else ("[]", "[]", "[ ]"))
    if chance < 0.38:
        return f'{{"a":{rng.choice(DEEP)}}}' if container is dict else rng.choice(DEEP)
    if chance < 0.39:
        return rng.choice(("{nonsense", "null", '"x"', "1"))
    items = [_item(rng, own) for _ in range(rng.randrange(4))]
    if container is list:
        return "[" + rng.choice((",", ", ")).join(items) + "]"
    return "{" + ",".join(f"{string(rng, _text(rng, own))}:{item}" for item in items) + "}"


def _item(rng: Random, own: Sequence[str]) -> str:
    """A JSON value, often an id: as a text, or as a number with more digits than Python writes."""
    chance = rng.random()
    if chance < 0.3 or not own:
        return near_json_value(rng)
    if chance < 0.7:
        return string(rng, _text(rng, own))
    numbers = [number for text in own if (number := _number_of(text)) is not None]
    return _spelt(rng, rng.choice(numbers)) if numbers else string(rng, rng.choice(own))


def _number_of(text: str) -> float | None:
    """The number that Python writes as this text."""
    try:
        return float(text) if repr(float(text)) == text else None
    except ValueError:
        return None


def _spelt(rng: Random, number: float) -> str:
    """A number as Python doesn't write it."""
    shortest = repr(number)
    exact, plain = f"{Decimal(number):f}", f"{Decimal(shortest):f}"
    neighbours = (shortest[:-1] + digit for digit in "0123456789" if "e" not in shortest)
    alike = [text for text in neighbours if text != shortest and float(text) == number]
    return rng.choice((f"{number:.20e}", exact, plain, *alike))
