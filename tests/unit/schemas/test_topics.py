"""Names of topics in the first generation and in others."""

import pytest

from tidegate_schemas.errors import SchemaError
from tidegate_schemas.topics import (
    KINDS,
    clean_topic,
    generation_of,
    ids_topic,
    kind_of,
    of_generation,
    raw_topic,
)


def test_names_of_the_first_generation_have_no_suffix() -> None:
    assert [raw_topic("track"), clean_topic("span"), ids_topic("error")] == [
        "raw.track",
        "clean.span",
        "gate-ids.error",
    ]
    assert of_generation("dead-letters", 1) == "dead-letters"


def test_others_have_a_suffix() -> None:
    assert [raw_topic("track", 2), clean_topic("span", 3)] == ["raw.track.g2", "clean.span.g3"]
    assert of_generation("tidegate", 12) == "tidegate.g12"


@pytest.mark.parametrize("generation", [1, 2, 9, 10, 65535])
def test_kind_and_generation_are_read_back(generation: int) -> None:
    for kind in KINDS:
        for topic in (raw_topic, clean_topic, ids_topic):
            assert (kind_of(topic(kind, generation)), generation_of(topic(kind, generation))) == (kind, generation)


@pytest.mark.parametrize(
    "name", ["raw.track.g1", "raw.track.g0", "raw.track.g02", "raw.track.2", "dead-letters.g2", "raw.g2"]
)
def test_what_nobody_makes_is_no_topic_of_a_kind(name: str) -> None:
    with pytest.raises(SchemaError):
        kind_of(name)
