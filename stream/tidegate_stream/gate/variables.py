"""Local variables in the frames of a stack: what a function held when it failed is whatever its users typed."""

from __future__ import annotations

import polars as pl

from tidegate_schemas.canonical import canonical_json
from tidegate_stream.gate.json_columns import ParsedTexts
from tidegate_stream.gate.scrub import parse_json

STACK = "stack"
VARIABLES = frozenset(("vars", "locals", "variables", "local_variables", "localvariables", "args", "arguments"))
"""Members of frames, in lower case, that hold variables or arguments."""
VARIABLES_RULE = "local variables"
SUSPECT = rf'(?i)"(?:{"|".join(sorted(VARIABLES))})"|\\'
"""Finds every stack that may have some (Rust syntax): an escape may hide a name."""


def without_variables(text: str) -> str:
    """A stack as it is, if it has no variables, else canonical and without them; it must be a JSON array."""
    stack = parse_json(text, list)
    bare = _bare(stack)
    return text if bare == stack else canonical_json(bare)


def _bare(value: object) -> object:
    match value:
        case dict():
            return {key: _bare(item) for key, item in value.items() if key.lower() not in VARIABLES}
        case list():
            return [_bare(item) for item in value]
        case _:
            return value


def without_variables_by_column(frame: pl.DataFrame, allowed: list[str], parsed: ParsedTexts) -> pl.DataFrame:
    """The same for a frame's rows, but those of projects that allow them. `parsed` learns the new texts."""
    if STACK not in frame.columns:
        return frame
    suspect = frame[STACK].str.contains(SUSPECT)
    if allowed:
        suspect &= ~frame["project"].is_in(allowed)
    if not suspect.any():
        return frame
    texts = frame[STACK].filter(suspect).unique()
    bare = pl.Series([without_variables(text) for text in texts], dtype=pl.String)
    parsed.malformed(bare, list)
    stacks = pl.when(suspect).then(pl.col(STACK).replace(texts, bare)).otherwise(STACK)
    return frame.with_columns(stacks.alias(STACK))
