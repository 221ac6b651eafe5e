"""What the edges' benchmarks say was taken is what the raw topics hold; anything else shows."""

from collections import Counter

import pytest
from tests.benchmarks.edges.gateway import WrongWorkError, check_ids
from tests.benchmarks.edges.payloads import WORKLOADS


@pytest.mark.parametrize(
    ("found", "says"),
    [({"a": 1}, "1 are missing"), ({"a": 1, "b": 1, "c": 1}, "1 are others"), ({"a": 2, "b": 1}, "1 copies")],
)
def test_work_that_is_not_what_was_answered_is_noticed(found: dict[str, int], says: str) -> None:
    with pytest.raises(WrongWorkError, match=says):
        check_ids(Counter(found), {"a", "b"})
    check_ids(Counter({"a": 1, "b": 1}), {"a", "b"})


@pytest.mark.parametrize("name", WORKLOADS)
def test_requests_differ_by_their_ids_and_by_nothing_that_has_a_size(name: str) -> None:
    workload = WORKLOADS[name]()
    (one, ids), (other, more) = workload.make(), workload.make()
    assert len(set(ids) | set(more)) == 2 * workload.events
    assert one != other
    if name != "sentry_envelope":  # packed, so that its size tells nothing
        assert len(one) == len(other)
