"""Whether partition count and generation of the settings go with the topics that exist."""

from collections.abc import Mapping
from pathlib import Path

from tidegate_infra.broker.topics import tidegate_topics
from tidegate_infra.settings import Settings
from tidegate_schemas.topics import generation_of, raw_topic

__all__ = ["kept_partitions", "misfit", "misfit_of_stack"]


def misfit(settings: Settings, counts: Mapping[str, int]) -> tuple[str, str] | None:
    """What doesn't fit and what to set, given the partition count of every topic; None if all is well."""
    newest, asked = _newest(counts), settings.generation
    wanted = tidegate_topics(settings.partitions, generation=asked)
    differing = [topic.name for topic in wanted if counts.get(topic.name, topic.partitions) != topic.partitions]
    if differing:
        number = counts[differing[0]]
        return (
            f"{differing[0]} has {number} partitions, not {settings.partitions} as TIDEGATE_PARTITIONS says",
            f"set TIDEGATE_PARTITIONS={number} again; or, for new topics with {settings.partitions} partitions, "
            f"TIDEGATE_GENERATION={newest + 1} besides (docs/operations/partitions.md)",
        )
    if newest and asked > newest + 1:
        return (
            f"TIDEGATE_GENERATION is {asked}, and the newest topics are of generation {newest}",
            f"set TIDEGATE_GENERATION={newest + 1}: they are counted one by one",
        )
    return None


def misfit_of_stack(settings: Settings, counts: Mapping[str, int]) -> tuple[str, str] | None:
    """As `misfit`, and no generation behind the newest topics fits either.

    Only of a stack as a whole: one by one, services of the generation before may be started again while others have the
    next one already.
    """
    newest, asked = _newest(counts), settings.generation
    if asked >= newest:
        return misfit(settings, counts)
    return (
        f"TIDEGATE_GENERATION is {asked}, and there are topics of generation {newest}",
        f"set TIDEGATE_GENERATION={newest} and their partition count: workers read their own generation and those "
        "before it, so what lies in a later one would stay there",
    )


def _newest(counts: Mapping[str, int]) -> int:
    """The highest generation that has topics; 0 without any."""
    known = (generation_of(name) for name in counts)
    return max((number for number in known if raw_topic("track", number) in counts), default=0)


def kept_partitions(broker_home: Path) -> dict[str, int]:
    """Partition count of every topic that an embedded broker keeps, which needn't run for that."""
    counts: dict[str, int] = {}
    for folder in (broker_home / "data").glob("*-*"):
        name, _, number = folder.name.rpartition("-")
        if number.isdecimal():
            counts[name] = max(counts.get(name, 0), int(number) + 1)
    return counts
