"""Operators: who may ask for erasures, and confirm them, at the dashboard."""

from collections.abc import Mapping

__all__ = ["operators_of"]

LEAST_TOKEN_CHARACTERS = 16
LEAST_OPERATORS = 2


def operators_of(text: str) -> Mapping[str, str]:
    """Tokens by operator, from `NAME:TOKEN,NAME:TOKEN`. Raises ValueError, which repeats no token."""
    pairs = [entry.strip().partition(":") for entry in text.split(",") if entry.strip()]
    operators = {name.strip(): token for name, _, token in pairs}
    short = [
        name or "(no name)" for name, token in operators.items() if not name or len(token) < LEAST_TOKEN_CHARACTERS
    ]
    if short or len(operators) < LEAST_OPERATORS or len(set(operators.values())) < len(pairs):
        why = f"; look at {', '.join(short)}" if short else ""
        raise ValueError(
            f"it must be NAME:TOKEN,NAME:TOKEN: {LEAST_OPERATORS} operators or more, each with a name and a token of "
            f"its own of at least {LEAST_TOKEN_CHARACTERS} characters{why}"
        )
    return operators
