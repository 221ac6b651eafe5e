"""Operators: who may ask for erasures and exports, and confirm them, at the dashboard."""

from collections.abc import Mapping

__all__ = ["operators_of"]

LEAST_TOKEN_CHARACTERS = 16


def operators_of(text: str) -> Mapping[str, str]:
    """Tokens by operator, from `NAME:TOKEN,NAME:TOKEN`. Raises ValueError, which repeats no token."""
    pairs = [entry.strip().partition(":") for entry in text.split(",") if entry.strip()]
    operators = {name.strip(): token for name, _, token in pairs}
    short = [
        name or "(no name)" for name, token in operators.items() if not name or len(token) < LEAST_TOKEN_CHARACTERS
    ]
    if short or not operators or len(set(operators.values())) < len(pairs):
        why = f"; look at {', '.join(short)}" if short else ""
        raise ValueError(
            f"it must be NAME:TOKEN,NAME:TOKEN: each operator with a name and a token of their own of at least "
            f"{LEAST_TOKEN_CHARACTERS} characters{why}"
        )
    return operators
