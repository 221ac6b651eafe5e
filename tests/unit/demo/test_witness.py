"""What was acknowledged and isn't there once the pipeline has passed it is lost, and nothing else is."""

from __future__ import annotations

import pytest

from tidegate_infra.demo.witness import Promises, key_of
from tidegate_schemas.identity import derived_event_id


def test_what_is_found_is_checked() -> None:
    promises = Promises()
    promises.add(["a", "b"])
    promises.mark()
    promises.settle({"a": 1, "b": 1})
    assert (promises.acknowledged, promises.checked, promises.lost) == (2, 2, 0)


def test_a_planted_loss_is_told_and_stays_told_until_it_is_found_after_all() -> None:
    promises = Promises()
    promises.add(["a", "b", "c"])
    promises.mark()
    promises.settle({"a": 1, "c": 1})
    assert (promises.checked, promises.lost) == (2, 1)
    promises.mark()
    promises.settle({})
    assert (promises.checked, promises.lost) == (2, 1)
    promises.mark()
    promises.settle({"b": 1})
    assert (promises.checked, promises.lost) == (3, 0)


def test_what_came_after_the_mark_may_still_be_on_its_way() -> None:
    promises = Promises()
    promises.add(["a"])
    promises.mark()
    promises.add(["b"])
    promises.settle({"a": 1})
    assert (promises.acknowledged, promises.checked, promises.lost) == (2, 1, 0)


def test_points_of_one_time_are_counted() -> None:
    promises = Promises()
    promises.add(["1800000000000000"] * 3)
    promises.mark()
    promises.settle({"1800000000000000": 2})
    assert (promises.checked, promises.lost) == (2, 1)


@pytest.mark.parametrize(
    ("kind", "key", "known"),
    [
        ("track", "m-1", derived_event_id("segment", "default", "m-1")),
        ("error", "0f" * 16, derived_event_id("sentry", "default", "0f" * 16)),
        ("span", "ab:cd", derived_event_id("span", "default", "ab", "cd")),
        ("metric", "1800000000000000", "1800000000000000"),
    ],
)
def test_each_kind_is_known_by_its_own_key(kind: str, key: str, known: str) -> None:
    assert key_of("default", kind, key) == known
