"""Random raw records of every kind: valid, invalid, telling and harmless, few values of each field."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tidegate_schemas.subjects import raw_schema
from tidegate_schemas.topics import Kind

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

TELLING = (
    "jane.doe@example.org",
    "JANE%40example.org",
    "shop@1.4.0",
    "+49 170 1234567",
    "(212) 555-0123",
    "4111 1111 1111 1111",
    "4111111111111112",
    "DE89370400440532013000",
    "GB82 WEST 1234 5698 7654 32",
    "DE00370400440532013000",
    "192.168.17.4",
    "2001:db8::17",
    "12:30:45",
    "std::vector",
    "3D:F2:C9:A6:B3:4F",
    "123-45-6789",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-def",
    "Authorization: Bearer abcdef012345",
    "Basic dXNlcjpwYXNz=",
    "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
    "AKIAIOSFODNN7EXAMPLE",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----",
    "/home/jane/app.py",
    "C:\\Users\\Jane Doe\\x",
    "https://jane:secret@example.org/a?token=b#c",
    "password=hunter22&x=1",
    "the author of tokens",
    "user-4711",
    "USER-4711",
    "device-1%20x",
    "device-1 x",
    "1760000400000000",
    "ИВАН-4711",
    "иван-4711",
    "",
)
#: A card, an id, and those that JSON's writers write in different ways.
NUMBERS = (4111111111111111, 4711.5, 1e-5, 2.5e-05, 1e-7, 1e16, 1e22, -0.0, 2**63, 2**64 - 1, 2**64, -(2**63) - 1)
#: As deep as JSON may be, and deeper.
NESTS = ("[" * 31 + "]" * 31, "[" * 40 + "1" + "]" * 40)
_words = st.one_of(
    st.sampled_from(TELLING),
    st.sampled_from(["a", "see", " ", "/", "=", ":", "x.y", "é", "\u2028", "\x1f", "0.30000000000000004"]),
    st.text(max_size=6),
)
texts = st.lists(_words, max_size=4).map(" ".join) | st.lists(_words, max_size=3).map("".join)
_encodable = texts.filter(lambda text: text.isascii() or text.encode("utf-8", "ignore").decode() == text)
_keys = st.sampled_from(
    [
        *("a", "author", "password", "api-key", "authToken", "note", "jane@example.org", "joe@example.org", "[email]"),
        *("sessionId", "name", "key", "value", "vars", "customerNumber", "order_id"),
    ]
)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**53) | st.sampled_from(NUMBERS) | _encodable,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(_keys, inner, max_size=3)
        | st.lists(st.tuples(_keys, inner), min_size=1, max_size=2)  # headers
        | st.fixed_dictionaries({"name": _keys, "value": inner})
    ),
    max_leaves=5,
)

EXEMPLARS = (
    '[{"at":1772366400000000,"span_id":"b7ad6b7169203331","trace_id":"0af7651916cd43dd8448eb211c80319c","value":1.5}]'
)
_OPTIONS: dict[str, st.SearchStrategy[Any]] = {
    "event_id": st.uuids().map(str) | st.uuids().map(str) | st.just("nothing"),
    "producer_id": st.sampled_from(["p1", "p2", "not a producer"]),
    "sequence": st.sampled_from([0, 1, 7, -1]),
    "project": st.sampled_from(["default", "default", "default", "keyless", "no project"]),
    "occurred_at": st.sampled_from([NOW, NOW + timedelta(days=1), datetime(1980, 1, 1, tzinfo=UTC)]),
    "received_at": st.just(NOW),
    "sample_rate": st.sampled_from([1.0, 1.0, 0.5, 0.0, float("nan"), 2.0]),
    "consent": st.sampled_from(["granted", "unknown", "anonymous", "denied"]),
    "user_id": st.sampled_from([None, "", "user-4711", "ИВАН-4711", "42"]),
    "anonymous_id": st.sampled_from([None, "", "device-1 x", "192.168.17.4"]),
    "session_id": st.sampled_from([None, "s-170012"]),
    "previous_id": st.sampled_from([None, "user-4711"]),
    "ip": st.sampled_from([None, "192.168.17.4", "2001:db8::17", "::ffff:10.1.2.3", "nowhere"]),
    "user_agent": st.sampled_from([None, "curl/8.1", "Mozilla/5.0 (iPhone) Version/17.1 Mobile/1 Safari/604", "x"]),
    "trace_id": st.sampled_from([None, "0af7651916cd43dd8448eb211c80319c", "jane"]),
    "span_id": st.sampled_from([None, "b7ad6b7169203331", "jane"]),
    "parent_span_id": st.just(None),
    "traits": st.sampled_from(["{}", '{"name":"Jane Doe","plan":"free"}']),
    "type": st.sampled_from(["track", "identify", "nonsense"]),
    "level": st.sampled_from(["error", "nonsense"]),
    "operation": st.sampled_from(["request", "query"]),
    "status": st.just("ok"),
    "status_code": st.sampled_from([0, 200, 1000]),
    "duration_seconds": st.sampled_from([0.1, -1.0, float("inf")]),
    "instrument": st.sampled_from(["gauge", "counter", "histogram"]),
    "temporality": st.sampled_from(["", "delta"]),
    "value": st.sampled_from([1.5, float("nan")]),
    "sum": st.just(1.0),
    "started_at": st.just(NOW),
    "count": st.just(2),
    "bucket_bounds": st.sampled_from([[], [0.1, 1.0], [1.0, 0.1]]),
    "bucket_counts": st.sampled_from([[], [1, 1, 0], [1, -1, 0]]),
    "exemplars": st.sampled_from(["[]", "[]", EXEMPLARS, EXEMPLARS.replace("1.5", "jane")]),
    "severity_number": st.sampled_from([0, 9, 25]),
    "report": st.sampled_from(["session", "sessions", "check_in", "feedback", "nonsense"]),
    "state": st.sampled_from(["", "ok", "crashed", "nonsense"]),
    "init": st.booleans(),
    "errors": st.sampled_from([0, 3, -1]),
    "quantity": st.sampled_from([1, 40, -1]),
    "error_id": st.none() | st.uuids().map(str) | st.just("nothing"),
    "handled": st.booleans(),
    "failed": st.booleans(),
}


def _option(name: str) -> st.SearchStrategy[Any]:
    if name in {"properties", "attributes"}:
        written: st.SearchStrategy[Any] = st.dictionaries(_keys | _encodable, _json, max_size=3)
    elif name in {"stack", "breadcrumbs"}:
        written = st.lists(_json, max_size=3)
    elif name in {"url", "referrer"}:
        return st.none() | _encodable
    else:
        return _OPTIONS.get(name, _encodable)
    spaced = written.map(json.dumps)
    tight = written.map(lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True))
    nested = st.sampled_from(NESTS if name in {"stack", "breadcrumbs"} else [f'{{"a":{nest}}}' for nest in NESTS])
    return tight | tight | spaced | st.just("{nonsense") | nested


def records(kind: Kind) -> st.SearchStrategy[dict[str, Any]]:
    """One raw record; most are valid."""
    return st.fixed_dictionaries({field.name: _option(field.name) for field in raw_schema(kind).fields})
