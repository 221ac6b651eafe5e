"""Texts in which nobody is stay as they are, nearly all of them."""

from __future__ import annotations

from tests.privacy.harmless import over_redaction

ALLOWED = 0.01


def test_of_harmless_texts_less_than_one_in_a_hundred_loses_something() -> None:
    found = over_redaction()
    print("\n".join(found.lines()))  # noqa: T201 - what was measured
    assert found.share < ALLOWED
    assert max(found.by_sort.values()) < 2 * ALLOWED
