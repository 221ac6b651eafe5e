"""A statement's summary, `SELECT orders`: its operation and first targets, nothing of its literals. Pure."""

from __future__ import annotations

import re

MAX_CHARACTERS = 255
MAX_TARGETS = 4
_READ_CHARACTERS = 4_096
_SKIPPED = re.compile(r"'(?:[^']|'')*(?:'|\Z)|--[^\n]*|/\*.*?(?:\*/|\Z)", re.S)
_OPERATION = re.compile(r"\s*\(?\s*([A-Za-z]+)")
_TARGET = re.compile(
    r"\b(?:FROM|JOIN|INTO|UPDATE|TABLE(?:\s+IF\s+(?:NOT\s+)?EXISTS)?)\s+((?:[\"`\[]?[A-Za-z_][\w$]*[\"`\]]?\.?)+)", re.I
)
_NO_TARGETS = frozenset(["SELECT", "SET", "LATERAL", "ONLY", "UNNEST", "VALUES"])
_WORDS = re.compile(r"[\"`\[\]]")


def summarise(statement: str) -> str:
    """At most 255 characters; empty for what doesn't begin with a word."""
    plain = _SKIPPED.sub(" ", statement[:_READ_CHARACTERS])
    operation = _OPERATION.match(plain)
    if operation is None:
        return ""
    words = [operation[1].upper()]
    for found in _TARGET.finditer(plain):
        target = _WORDS.sub("", found[1])
        if target.upper() not in _NO_TARGETS and target not in words:
            words.append(target)
        if len(words) > MAX_TARGETS:
            break
    return " ".join(words)[:MAX_CHARACTERS]
