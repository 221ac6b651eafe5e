"""Canonical JSON: one text for one value, whoever wrote it."""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from datetime import time as time_of_day
from enum import Enum
from json import encoder

from pydantic_core import from_json

__all__ = [
    "MAX_DEPTH",
    "MAX_OBJECT_BYTES",
    "PERHAPS_INFINITE",
    "TRUNCATED_KEY",
    "canonical_json",
    "canonical_object",
    "is_json",
    "is_json_array",
    "is_json_object",
]

MAX_DEPTH = 32
"""Containers nested deeper become null."""
MAX_OBJECT_BYTES = 65_536
"""Default size cap of canonical_object."""
TRUNCATED_KEY = "_truncated"
"""Member that says how many others were left out of an object over its cap."""
PERHAPS_INFINITE = r"[0-9][eE]\+?[0-9]{3}|[0-9]{300}"
"""Regular expression that every text with a number past a double's range matches, and few others do."""
_PERHAPS_INFINITE = re.compile(PERHAPS_INFINITE)
_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
_ATOMS = frozenset([str, float, bool, type(None)])


def canonical_json(value: object) -> str:
    """Write any value as JSON with sorted keys, no spaces, no ASCII escapes; the result always encodes as UTF-8.

    NaN and infinities become null, integers past 64 bits become floats, dates ISO 8601 text, sets sorted arrays, lone
    surrogates U+FFFD, other objects their `str`. Reading and writing the text again changes nothing.
    """
    if type(value) is dict and _is_plain(value, MAX_DEPTH):
        try:
            text = _quick_text(value)
            if text.isascii() or text.encode():
                return text
        except (ValueError, TypeError):  # no number, half a character, or another thread has just changed it
            pass
    return json.dumps(_plain(value, MAX_DEPTH), ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def canonical_object(members: Mapping[str, object], max_bytes: int = MAX_OBJECT_BYTES) -> str:
    """Write an object of at most max_bytes (UTF-8): over the cap its largest members go first, and are counted.

    The count is the member `_truncated`. A cap must leave room for it, so it is 64 bytes at least.
    """
    if max_bytes < 64:
        raise ValueError(f"max_bytes must be at least 64, not {max_bytes}")
    text = canonical_json(members)
    # A text of n characters has at most 4 n bytes: most need no encoding to be measured.
    if len(text) * 4 <= max_bytes or len(text.encode()) <= max_bytes:
        return text
    plain = json.loads(text)
    costs = {key: len(canonical_json({key: value}).encode()) - 1 for key, value in plain.items()}
    budget = max_bytes - 1 - len(canonical_json({TRUNCATED_KEY: len(plain)}).encode())
    kept: dict[str, object] = {}
    for key in sorted(plain, key=lambda key: (costs[key], key)):
        budget -= costs[key]
        if budget < 0:
            break
        kept[key] = plain[key]
    return canonical_json({**kept, TRUNCATED_KEY: len(plain) - len(kept)})


def is_json_object(text: str) -> bool:
    """Whether a text is one JSON object: strict (no NaN, no lone surrogates), not too deep, all numbers finite."""
    return is_json(text, dict) and _is_finite(text)


def is_json_array(text: str) -> bool:
    """Whether a text is one JSON array, by the same rules."""
    return is_json(text, list) and _is_finite(text)


def is_json(text: str, expected: type) -> bool:
    """Whether a text is one strict JSON value of a type; numbers may be past a double's range."""
    try:
        return type(from_json(text, allow_inf_nan=False)) is expected
    except ValueError:
        return False


def _is_finite(text: str) -> bool:
    # 1e999 reads as infinity, and one such number makes ClickHouse refuse a whole insert into a JSON column.
    return _PERHAPS_INFINITE.search(text) is None or _all_finite(from_json(text))


def _all_finite(value: object) -> bool:
    pending = [value]
    while pending:
        match pending.pop():
            case float() as number if not math.isfinite(number):
                return False
            case dict() as members:
                pending.extend(members.values())
            case list() as items:
                pending.extend(items)
    return True


def _quick_encoder() -> Callable[[object], str]:
    """The C encoder that `json` makes anew for each text, made once; what `json` has where there is none in C."""
    make, quoted = getattr(encoder, "c_make_encoder", None), getattr(encoder, "c_encode_basestring", None)
    if make is None or quoted is None:
        return json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False).encode
    # No look for circles, indentation or keys to skip; `_is_plain` has been there.
    encode = make(None, None, quoted, None, ":", ",", True, False, False)
    return lambda value: "".join(encode(value, 0))


def _is_plain(value: object, depth: int) -> bool:
    """Whether a value is what JSON can say as it stands, but for infinities and half characters."""
    kind = type(value)
    if kind in _ATOMS:
        return True
    if kind is int:
        return _INT64_MIN <= value <= _INT64_MAX  # type: ignore[operator]
    if depth <= 0:
        return False
    if kind is dict:
        for key, item in value.items():  # type: ignore[attr-defined]
            if type(key) is not str or not (type(item) in _ATOMS or _is_plain(item, depth - 1)):
                return False
        return True
    return kind is list and all(_is_plain(item, depth - 1) for item in value)  # type: ignore[attr-defined]


_quick_text = _quick_encoder()


def _plain(value: object, depth: int) -> object:  # noqa: PLR0911 - one return a kind of JSON value
    """Bring a value down to what JSON can say."""
    match value:
        case None | bool():
            return value
        case Enum():
            return _plain(value.value, depth)
        case str():
            return _utf8(value)
        case int():
            return int(value) if _INT64_MIN <= value <= _INT64_MAX else _finite(_float_of(value))
        case float():
            return _finite(value)
        case Mapping() | Sequence() | AbstractSet() if not isinstance(value, (bytes, bytearray, memoryview)):
            return _container(value, depth - 1) if depth > 0 else None
        case datetime() | date() | time_of_day():
            return value.isoformat()
        case bytes() | bytearray() | memoryview():
            return bytes(value).hex()
        case _:
            return _utf8(str(value))


def _container(value: "Mapping[object, object] | Sequence[object] | AbstractSet[object]", depth: int) -> object:
    if isinstance(value, Mapping):
        return {_key(key): _plain(item, depth) for key, item in value.items()}
    items = [_plain(item, depth) for item in value]
    return sorted(items, key=canonical_json) if isinstance(value, AbstractSet) else items


def _key(key: object) -> str:
    match key:
        case str():
            return _utf8(key)
        case None | bool() | int() | float():
            return canonical_json(key)
        case _:
            return _utf8(str(key))


def _utf8(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return str(text)


def _float_of(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
