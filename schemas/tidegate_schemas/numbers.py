"""Sets of a producer's numbers as they go over the wire: pairs of first and last, both inclusive."""

from collections.abc import Iterable

__all__ = ["numbers_in", "spans"]


def spans(numbers: Iterable[int]) -> list[int]:
    """First and last of each run of numbers, flat and ascending: [1, 2, 3, 7] becomes [1, 3, 7, 7]."""
    found: list[int] = []
    for number in sorted(set(numbers)):
        if found and number == found[-1] + 1:
            found[-1] = number
        else:
            found += [number, number]
    return found


def numbers_in(pairs: list[int]) -> set[int]:
    """The numbers that `spans` was given."""
    return {number for first, last in zip(pairs[::2], pairs[1::2], strict=True) for number in range(first, last + 1)}
