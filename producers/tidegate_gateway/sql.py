"""One SQL statement as its operations and targets, in the order in which they stand. Pure."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence

import sqlglot
from sqlglot import Token, exp
from sqlglot.errors import SqlglotError

from tidegate.foreign.otel.statements import NO_START_AFTER, STARTS

#: Deeper nesting is not parsed: the parser recurs, and looks again at what stands in brackets.
MAX_DEPTH = 24
#: Dialects in which a backslash takes the meaning of the quote after it.
_BACKSLASH = frozenset({"mysql", "clickhouse", "bigquery", "hive", "snowflake"})
_ESCAPED_QUOTE = re.compile(r"\\['\"`]")
_NO_KEYWORDS = frozenset({"STRING", "NATIONAL_STRING", "RAW_STRING", "HEREDOC_STRING", "IDENTIFIER", "VAR", "NUMBER"})
_STATEMENTS = (
    exp.Query,
    exp.Insert,
    exp.Update,
    exp.Delete,
    exp.Merge,
    exp.Create,
    exp.Drop,
    exp.Alter,
    exp.TruncateTable,
    exp.Copy,
    exp.Execute,
)

# The parser warns of statements that it doesn't know, and quotes them.
logging.getLogger("sqlglot").setLevel(logging.CRITICAL)


def words(text: str, dialect: str) -> list[str] | None:
    """Operations and targets of a statement, as `SELECT`, `orders`; None for what the parser can't take.

    Names of common table expressions are no targets. What is given as a text where a name belongs isn't told.
    """
    if _depth(text) > MAX_DEPTH or (dialect not in _BACKSLASH and _ESCAPED_QUOTE.search(text)):
        return None
    try:
        tokens = sqlglot.tokenize(text, read=dialect or None)
        statements = sqlglot.parse(text, read=dialect or None)
        if not statements or not all(isinstance(statement, _STATEMENTS) for statement in statements):
            return None
        return list(_in_order(tokens, _targets(statements, text)))
    except (SqlglotError, RecursionError, ValueError, TypeError, AttributeError, IndexError, KeyError):
        return None  # hostile texts make the parser stumble in more ways than by its own errors


def _depth(text: str) -> int:
    """Brackets and CASEs open at once, at most; those in texts count too."""
    depth = deepest = 0
    for opened in re.findall(r"[(\[{]|[)\]}]|\bcase\b|\bend\b", text, re.IGNORECASE):
        depth += 1 if opened in "([{" or opened.lower() == "case" else -1
        deepest = max(deepest, depth)
    return deepest


def _targets(statements: Sequence[exp.Expr | None], text: str) -> dict[int, str]:
    """Tables by the place of their name in the text."""
    found: dict[int, str] = {}
    for statement in statements:
        if statement is None:
            continue
        own = {cte.alias_or_name.lower() for cte in statement.find_all(exp.CTE)}
        for table in statement.find_all(exp.Table):
            names = [part for part in table.parts if isinstance(part, exp.Identifier)]
            places = [int(part.meta.get("start", -1)) for part in names]
            if len(names) != len(table.parts) or any(place < 0 or text[place] == "'" for place in places):
                continue
            if len(names) == 1 and names[0].name.lower() in own:
                continue
            found[places[-1]] = ".".join(" ".join(part.name.split()) for part in names)
    return found


def _in_order(tokens: Sequence[Token], targets: dict[int, str]) -> Iterator[str]:
    previous, begins = "", True
    for token in tokens:
        upper = token.text.upper()
        if token.token_type.name not in _NO_KEYWORDS and (
            (begins and upper not in {"WITH", "("}) or (upper in STARTS and previous not in NO_START_AFTER)
        ):
            yield upper.split()[0]
        elif token.start in targets:
            yield targets[token.start]
        begins = token.token_type.name == "SEMICOLON"
        previous = upper
