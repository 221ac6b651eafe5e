"""A JavaScript engine's stack text as frames. Pure."""

from __future__ import annotations

import re
from typing import Any

MAX_FRAMES = 50
_MAX_LINE = 1_000
#: `at name (place:line:column)` and `at place:line:column`
_V8 = re.compile(r"^\s*at (?:(?P<function>.+) \()?(?P<place>[^()\s]+):(?P<line>\d{1,9}):(?P<column>\d{1,9})\)?$")
#: `name@place:line:column`, the name may be empty
_OTHERS = re.compile(r"^(?P<function>[^@]*)@(?P<place>\S+):(?P<line>\d{1,9}):(?P<column>\d{1,9})$")
_FOREIGN = ("-extension://", "/node_modules/", "native code")


def frames(stack: str) -> list[dict[str, Any]]:
    """Frames of Chromium's, Firefox' or Safari's text, innermost last; lines that are none are left out."""
    found = []
    for line in stack.splitlines():
        text = line[:_MAX_LINE].rstrip()
        match = _V8.match(text) or _OTHERS.match(text)
        if match:
            found.append(_frame(match))
        if len(found) == MAX_FRAMES:
            break
    return found[::-1]


def _frame(match: re.Match[str]) -> dict[str, Any]:
    place = re.split(r"[?#]", match["place"], maxsplit=1)[0]
    function = (match["function"] or "").removeprefix("async ").strip()
    return {
        "filename": place,
        **({"function": function} if function else {}),
        "lineno": int(match["line"]),
        "colno": int(match["column"]),
        "in_app": not any(mark in place for mark in _FOREIGN),
    }
