"""Whether settings go with the topics that exist, and what is said if not."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from tidegate_infra.broker.generations import kept_partitions, misfit, misfit_of_stack
from tidegate_infra.broker.topics import tidegate_topics
from tidegate_infra.errors import SettingsError
from tidegate_infra.settings import Settings
from tidegate_infra.up import running_stack


def topics(partitions: int, *generations: int) -> Mapping[str, int]:
    made = [topic for generation in generations for topic in tidegate_topics(partitions, generation=generation)]
    return {topic.name: topic.partitions for topic in made}


def asked(partitions: int, generation: int, home: Path = Path("/nowhere")) -> Settings:
    return Settings(home=home, partitions=partitions, generation=generation)


@pytest.mark.parametrize(("partitions", "generation"), [(2, 1), (4, 2), (2, 2)])
def test_the_topics_that_are_there_and_the_next_generation_fit(partitions: int, generation: int) -> None:
    assert misfit(asked(partitions, generation), topics(2, 1)) is None


@pytest.mark.parametrize("generation", [1, 7])
def test_any_generation_may_be_the_first(generation: int) -> None:
    assert misfit(asked(4, generation), {}) is None


def test_another_count_in_the_same_generation_is_refused_with_what_to_set() -> None:
    found, fix = misfit(asked(4, 1), topics(2, 1)) or ("", "")
    assert found == "raw.track has 2 partitions, not 4 as TIDEGATE_PARTITIONS says"
    assert "TIDEGATE_PARTITIONS=2" in fix
    assert "TIDEGATE_GENERATION=2" in fix


def test_the_generation_that_is_named_is_a_new_one() -> None:
    _, fix = misfit(asked(4, 1), topics(2, 1, 2, 3)) or ("", "")
    assert "TIDEGATE_GENERATION=4" in fix


def test_no_generation_may_be_left_out() -> None:
    _, fix = misfit(asked(4, 3), topics(2, 1)) or ("", "")
    assert fix.startswith("set TIDEGATE_GENERATION=2")


def test_a_whole_stack_has_no_misfit_of_stack() -> None:
    assert misfit(asked(2, 1), topics(2, 1, 2)) is None
    assert misfit_of_stack(asked(2, 2), topics(2, 1, 2)) is None
    assert misfit_of_stack(asked(2, 1), {}) is None
    found, fix = misfit_of_stack(asked(2, 1), topics(2, 1, 2)) or ("", "")
    assert found == "TIDEGATE_GENERATION is 1, and there are topics of generation 2"
    assert fix.startswith("set TIDEGATE_GENERATION=2 ")


def test_one_before_it_may_have_been_deleted() -> None:
    assert misfit(asked(2, 3), topics(2, 3)) is None


def test_up_refuses_before_it_starts_anything(tmp_path: Path) -> None:
    for name, count in topics(2, 1).items():
        for number in range(count):
            (tmp_path / "data" / "broker" / "data" / f"{name}-{number}").mkdir(parents=True)
    assert kept_partitions(tmp_path / "data" / "broker") == topics(2, 1)

    async def start() -> None:
        async with running_stack(asked(4, 1, tmp_path), print):
            raise AssertionError

    with pytest.raises(SettingsError, match="TIDEGATE_GENERATION=2"):
        asyncio.run(start())
