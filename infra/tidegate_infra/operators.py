"""Operators: who may ask for erasures and exports, and confirm them, at the dashboard."""

from collections.abc import Mapping

__all__ = ["operators_of"]

LEAST_TOKEN_CHARACTERS = 16


def operators_of(text: str) -> Mapping[str, str]:
    """Tokens by operator, from `NAME:TOKEN,NAME:TOKEN`. Raises ValueError, which repeats no token."""
    parts = [entry.partition(":") for entry in text.split(",") if entry.strip()]
    pairs = [(name.strip(), token.strip()) for name, _, token in parts]
    operators = dict(pairs)
    # By their numbers: what stands for a name may be a token, of somebody who wrote no name, or both the other way.
    wrong = [
        str(number) for number, (name, token) in enumerate(pairs, 1) if not name or len(token) < LEAST_TOKEN_CHARACTERS
    ]
    if wrong or not operators or len(set(operators.values())) < len(pairs):
        why = f"; look at number {', '.join(wrong)}" if wrong else ""
        raise ValueError(
            f"it must be NAME:TOKEN,NAME:TOKEN: each operator with a name and a token of their own of at least "
            f"{LEAST_TOKEN_CHARACTERS} characters{why}"
        )
    return operators
