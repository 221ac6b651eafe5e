"""Policies of ClickHouse's tables. A table without one fails the report and the tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tidegate_infra.errors import SettingsError
from tidegate_infra.privacy.retention.policy import OPERATORS, PROOF, STABILITY, STATISTICS, Policy, Subjects

__all__ = ["TABLES", "TABLE_GRACE_DAYS", "TablePolicy", "shortened", "table_policies"]

TABLE_GRACE_DAYS = 2.0
"""Expired rows go by a merge that is begun once a day (`merge_with_ttl_timeout`); old parts follow in minutes."""
_SEALED = f"{OPERATORS}; payloads: the owner of keys/dead-letters.key"


@dataclass(frozen=True)
class TablePolicy:
    """`column`: the time that a row's age counts from. `days` None: kept for good."""

    column: str
    days: int | None
    what: str
    purpose: str
    subjects: Subjects
    basis: str = STABILITY
    readers: str = OPERATORS


TABLES: Mapping[str, TablePolicy] = {
    "events_track": TablePolicy(
        "received_at", 730, "what people did in the product", "product analytics", "pseudonyms", STATISTICS
    ),
    "sessions": TablePolicy("started_at", 730, "visits", "product analytics", "pseudonyms", STATISTICS),
    "activity": TablePolicy(
        "window_start", 730, "who was active in which quarter of an hour", "active users", "pseudonyms", STATISTICS
    ),
    "identities": TablePolicy(
        "first_seen", 730, "which visitor was which user", "counting people once", "pseudonyms", STATISTICS
    ),
    "usage": TablePolicy("window_start", 730, "use of features, counted", "product analytics", "nobody"),
    "properties": TablePolicy("last_seen", 395, "names of properties", "noticing what nobody meant to send", "nobody"),
    "events_error": TablePolicy("received_at", 90, "errors with scrubbed messages", "mending errors", "pseudonyms"),
    "events_health": TablePolicy(
        "received_at", 90, "reports of health, feedback with scrubbed text", "quality of releases", "pseudonyms"
    ),
    "release_health": TablePolicy("window_start", 90, "sessions by release", "quality of releases", "pseudonyms"),
    "error_rates": TablePolicy("window_start", 90, "requests and errors, counted", "operation", "nobody"),
    "latencies": TablePolicy("window_start", 90, "durations, counted; a slow trace's id", "operation", "nobody"),
    "metric_windows": TablePolicy("window_start", 90, "metrics, summed up", "operation", "nobody"),
    "events_span": TablePolicy("received_at", 30, "operations of traces", "operation", "pseudonyms"),
    "events_metric": TablePolicy("received_at", 30, "points of metrics", "operation", "pseudonyms"),
    "events_log": TablePolicy("received_at", 30, "log lines with scrubbed messages", "operation", "pseudonyms"),
    "dead_letters": TablePolicy(
        "occurred_at",
        90,
        "what could not become an event: sealed for 7 days, then its reason only",
        "mending senders",
        "identified",
        readers=_SEALED,
    ),
    "outcomes": TablePolicy("minute", 90, "what was dropped, counted by reason", "the ledger", "nobody"),
    "ledger": TablePolicy("window_start", 90, "which numbers of events came", "the ledger", "nobody"),
    "ledger_pages": TablePolicy("minute", 90, "how many events of which pages came", "the ledger", "nobody"),
    "reconciliation": TablePolicy("window_start", 730, "differences that were found", "correct numbers", "nobody"),
    "consents": TablePolicy("decided_at", 1826, "decisions about consent", "proof of consent", "pseudonyms", PROOF),
    "erasures": TablePolicy(
        "requested_at", 1826, "receipts of erasures and exports", "proof that they were done", "pseudonyms", PROOF
    ),
    "migrations": TablePolicy("applied_at", None, "migrations that were applied", "operation", "nobody"),
}


def shortened(text: str) -> Mapping[str, int]:
    """Days by table of `TIDEGATE_RETENTION_DAYS`. Raises SettingsError for what is unknown or longer than allowed."""
    found: dict[str, int] = {}
    for entry in text.split():
        name, _, given = entry.partition("=")
        policy = TABLES.get(name)
        if policy is None or policy.days is None:
            allowed = ", ".join(name for name, each in TABLES.items() if each.days is not None)
            raise SettingsError(f"TIDEGATE_RETENTION_DAYS names {name!r}; it may name {allowed}")
        if not given.isdecimal() or not 1 <= int(given) <= policy.days:
            raise SettingsError(f"TIDEGATE_RETENTION_DAYS has {entry!r}; {name} may have 1 to {policy.days} days")
        found[name] = int(given)
    return found


def table_policies(shorter: Mapping[str, int]) -> Iterator[Policy]:
    """A policy a table, with what was shortened."""
    for name, each in TABLES.items():
        yield Policy(
            name,
            "table",
            each.what,
            each.purpose,
            each.basis,
            each.readers,
            each.subjects,
            shorter.get(name, each.days),
            TABLE_GRACE_DAYS,
            "" if each.days is not None else "one row a migration",
        )
