"""The canonical text of an object that was read from JSON: `canonical_object`, by orjson where both write the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from tidegate_schemas.canonical import MAX_DEPTH, MAX_OBJECT_BYTES, canonical_object

#: Numbers that the two write differently: very large and very small ones. Finds some others and some texts besides.
_PERHAPS_OTHERWISE = re.compile(rb"[0-9][eE][-+]?[0-9]|[0-9]{17}|0\.0000")


def object_text(members: Mapping[str, Any]) -> str:
    """Write members that came out of a JSON text; the same as `canonical_object`, several times as fast."""
    if not members:
        return "{}"
    try:
        data = orjson.dumps(members, option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONEncodeError, TypeError):  # nested too deep, say
        return canonical_object(members)
    small = len(data) <= MAX_OBJECT_BYTES and data.count(b"{") + data.count(b"[") <= MAX_DEPTH
    if not small or _PERHAPS_OTHERWISE.search(data):
        return canonical_object(members)
    return data.decode()
