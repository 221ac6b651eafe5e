"""A statement's summary, `SELECT orders`: its operations and targets, nothing of its literals. Pure.

By the gateway's rules but without its parser, which an application isn't to load: tables after a comma aren't
told, nor names with a space, and nothing from the first mark on that dialects read differently.
"""

from __future__ import annotations

import re
from functools import lru_cache

from tidegate.foreign.otel.statements import BEFORE_TARGET, STARTS, joined, walked, without_sql

_READ_CHARACTERS = 4_096
#: An application has some dozens of statements; with values written into them, these are at most 1 MB.
_REMEMBERED = 256
#: From here on a literal may look like a name: an escaped quote, a dollar quote, MySQL's comment.
_AMBIGUOUS = re.compile(r"\\|\$\w*\$|#")
#: What stands in quotes, and comments: whichever begins first, as the other one's mark means nothing in it.
_MARKED = re.compile(r"""'(?:[^']|'')*(?:'|\Z)|"([^"]*)(?:"|\Z)|`([^`]*)(?:`|\Z)|--[^\n]*|/\*.*?(?:\*/|\Z)""", re.S)
_NAME = re.compile(r"[^\W\d][\w$]*")
_BRACKETS = re.compile(r"\[([^\W\d][\w$]*)\]")
_NAMED_QUERY = re.compile(
    r"(?<![\w$])([\w$]+)\s+AS\s+(?:(?:NOT\s+)?MATERIALIZED\s+)?\(\s*(?:SELECT|INSERT|UPDATE|DELETE|VALUES|WITH)\b", re.I
)


def summarise(statement: str, system: str = "") -> str:
    """At most 255 characters; empty for what is no statement. `system`: the product, as OpenTelemetry names it."""
    return _summary(statement[:_READ_CHARACTERS], system)


@lru_cache(maxsize=_REMEMBERED)
def _summary(statement: str, system: str) -> str:
    if (told := without_sql(statement, system)) is not None:
        return told
    text = _AMBIGUOUS.split(statement, maxsplit=1)[0]
    text = _BRACKETS.sub(r"\1", _MARKED.sub(_plain, text)).lstrip(" (\n\t\r")
    own = {found.lower() for found in _NAMED_QUERY.findall(text)}
    words = [word for word in walked(text) if word.lower() not in own]
    return joined(words[1:] if words[:1] == ["WITH"] and len(words) > 1 else words)


def _plain(marked: re.Match[str]) -> str:
    """A quoted name as it is; nothing of literals, of which MySQL has some in double quotes, and of comments."""
    name = marked[1] or marked[2] or ""
    if not name:
        return " " if marked[0].startswith(("--", "/*")) else " ? "
    return name if _NAME.fullmatch(name) and name.upper() not in BEFORE_TARGET | STARTS else " ? "
