"""Policies of Kafka's topics."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tidegate_infra.broker.topics import tidegate_topics
from tidegate_infra.privacy.retention.policy import PROOF, STABILITY, STATISTICS, WORKER, Policy, Subjects
from tidegate_infra.settings import Settings
from tidegate_schemas.topics import CONSENTS, DEAD_LETTERS, ERASURES, GATE_PROGRESS, OUTCOMES

__all__ = ["KAFKAS_OWN", "policy_of", "topic_policies"]

KAFKAS_OWN = frozenset({"__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata"})
_DAY_MS = 86_400_000
_MARGIN_DAYS = 15 / 1440
"""Kafka looks every five minutes for what has had its time, and removes files a minute later."""
_GENERATION = re.compile(r"\.g\d+$")


def topic_policies(settings: Settings) -> Iterator[Policy]:
    """A policy for each family of topics; `*` in a name stands for anything."""
    configs = {
        topic.name: topic.config
        for topic in tidegate_topics(1, settings.raw_retention_hours, settings.clean_retention_days)
    }

    def timed(name: str, of: str, what: str, purpose: str, readers: str, subjects: Subjects, basis: str) -> Policy:
        config = configs[of]
        grace = int(config["segment.ms"]) / _DAY_MS + _MARGIN_DAYS
        days = int(config["retention.ms"]) / _DAY_MS
        return Policy(name, "topic", what, purpose, basis, readers, subjects, days, grace)

    def unbounded(name: str, what: str, purpose: str, subjects: Subjects, bound: str) -> Policy:
        return Policy(name, "topic", what, purpose, STABILITY, WORKER, subjects, None, bound=bound)

    gate = "the worker's gate; administrators of the broker"
    for kind, basis in (("track", STATISTICS), ("*", STABILITY)):
        raw, clean = f"raw.{kind}", f"clean.{kind}"
        yield timed(raw, "raw.track", "events as they were sent", "input of the gate", gate, "identified", basis)
        yield timed(clean, "clean.track", "events past the gate", "making of tables", WORKER, "pseudonyms", basis)
    yield timed(DEAD_LETTERS, DEAD_LETTERS, "what could not become an event, sealed", "mending senders",
                "the worker; payloads: the owner of keys/dead-letters.key", "identified", STABILITY)  # fmt: skip
    yield timed(OUTCOMES, OUTCOMES, "what was dropped, counted", "the ledger", WORKER, "nobody", STABILITY)
    yield timed(CONSENTS, CONSENTS, "the latest decision of each pseudonym", "keeping to it", gate, "pseudonyms", PROOF)
    yield timed(
        ERASURES, ERASURES, "marks of who was erased", "no replay brings them back", WORKER, "pseudonyms", PROOF
    )
    yield unbounded("gate-ids.*", "ids of events, not of people", "finding copies", "nobody", "128 MB a partition")
    yield unbounded(GATE_PROGRESS, "offsets", "finding copies", "nobody", "one record a partition")
    yield unbounded("*-changelog", "windows that are still open", "going on after a crash", "pseudonyms",
                    "what a later record replaced: 7 days")  # fmt: skip


def policy_of(topic: str, policies: Sequence[Policy]) -> Policy | None:
    """The policy of a topic, whatever its generation."""
    name = _GENERATION.sub("", topic)
    for policy in policies:
        begin, star, end = policy.name.partition("*")
        if name == policy.name or (star and name.startswith(begin) and name.endswith(end)):
            return policy
    return None
