"""The record of processing: every policy, beside what is measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from clickhouse_connect.driver.client import Client

from tidegate_infra.privacy.retention import files
from tidegate_infra.privacy.retention.kafka import FoundTopic, found_topics
from tidegate_infra.privacy.retention.policy import Policy, in_words
from tidegate_infra.privacy.retention.stored import FoundTable, found_tables, overdue_rows
from tidegate_infra.privacy.retention.tables import TABLES, shortened, table_policies
from tidegate_infra.privacy.retention.topics import KAFKAS_OWN, policy_of, topic_policies
from tidegate_infra.settings import Settings

__all__ = ["Entry", "Record", "judge_files", "judge_tables", "judge_topics", "measure"]


@dataclass(frozen=True)
class Entry:
    """A place with its policy. `configured`: what is set there; `oldest` None: it is empty, or can't be seen."""

    policy: Policy
    place: str
    configured: str = ""
    quantity: int = 0
    oldest: datetime | None = None


@dataclass(frozen=True)
class Record:
    """What was found at a moment; `findings` name what isn't as its policy says, and are empty if all is."""

    at: datetime
    entries: Sequence[Entry]
    findings: Sequence[str]


def measure(settings: Settings, client: Client, brokers: str, now: datetime) -> Record:
    """Look at all tables, topics and files. Raises ClickHouseError, UnavailableError, SettingsError."""
    policies = {each.name: each for each in table_policies(shortened(settings.retention_days))}
    tables = judge_tables(policies, found_tables(client, TABLES), client, now)
    topics = judge_topics(list(topic_policies(settings)), found_topics(brokers), now, all_ours=settings.brokers is None)
    on_disk = judge_files(settings, now)
    other = [Entry(each, "not on this machine") for each in files.elsewhere()]
    return Record(now, [*tables[0], *topics[0], *on_disk[0], *other], [*tables[1], *topics[1], *on_disk[1]])


def judge_tables(
    policies: Mapping[str, Policy], found: Iterable[FoundTable], client: Client, now: datetime
) -> tuple[list[Entry], list[str]]:
    """Entries of tables, and what is wrong with them."""
    entries, findings = [], []
    for table in found:
        place = f"{table.database}.{table.name}"
        policy = policies.get(table.name) if table.database == "tidegate" else None
        if policy is None:
            findings.append(f"table {place} has no policy: nobody has said how long it keeps rows, and why")
            continue
        column = TABLES[table.name].column
        set_to = f"{in_words(table.days)} from {column}" if table.days is not None else table.configured
        entries.append(Entry(policy, place, set_to, table.rows, table.oldest))
        if policy.days is None or policy.most_days is None:
            continue
        if table.days is None or table.days > policy.days:
            findings.append(f"table {place} is set to {table.configured}, and its policy is {in_words(policy.days)}")
        if table.oldest is None or table.oldest >= now - timedelta(days=policy.most_days):
            continue
        allowed, settled = now - timedelta(days=policy.most_days), now - timedelta(days=policy.grace_days)
        if rows := overdue_rows(client, table.name, column, allowed, settled):
            findings.append(
                f"table {place} holds {rows} rows older than its policy, the oldest of {_date(table.oldest)}"
            )
    return entries, findings


def judge_topics(
    policies: Sequence[Policy], found: Iterable[FoundTopic], now: datetime, *, all_ours: bool
) -> tuple[list[Entry], list[str]]:
    """Entries of topics, and what is wrong with them. `all_ours`: the broker has topics of nobody else."""
    entries, findings = [], []
    for topic in found:
        policy = policy_of(topic.name, policies)
        if policy is None:
            if topic.name not in KAFKAS_OWN and (all_ours or topic.name.startswith(("raw.", "clean.", "tidegate"))):
                findings.append(f"topic {topic.name} has no policy: nobody has said how long it keeps records, and why")
            continue
        entries.append(Entry(policy, topic.name, topic.configured, topic.records, topic.oldest))
        if policy.days is None or policy.most_days is None:
            continue
        if topic.days is None or topic.days > policy.days:
            findings.append(
                f"topic {topic.name} is set to {topic.configured}, and its policy is {in_words(policy.days)}"
            )
        if topic.oldest is not None and topic.oldest < now - timedelta(days=policy.most_days):
            findings.append(
                f"topic {topic.name} holds records older than its policy, the oldest of {_date(topic.oldest)}"
            )
    return entries, findings


def judge_files(settings: Settings, now: datetime) -> tuple[list[Entry], list[str]]:
    """Entries of files, and what is wrong with them. Raises KeyFileError, SettingsError."""
    entries, findings = [], []
    for policy in files.file_policies(settings):
        began = files.oldest_file(settings, policy.name)
        oldest = None if began is None else datetime.fromtimestamp(began, now.tzinfo)
        place = str({"keys": settings.keys_dir, "salts": settings.salts_folder, "logs": settings.logs_dir}.get(
            policy.name, settings.data_dir / "gateway" / "spool"))  # fmt: skip
        entries.append(Entry(policy, place, "by the program", 0, oldest))
        if oldest is not None and policy.most_days is not None and oldest < now - timedelta(days=policy.most_days):
            findings.append(
                f"{policy.name}: {place} holds what is older than its policy, the oldest of {_date(oldest)}"
            )
    if retired := files.retired_keys(settings, now - timedelta(days=1)):
        findings.append(f"keys: {retired} pseudonym keys should have been destroyed; does a worker run?")
    findings += [f"folder {settings.data_dir / name} has no policy" for name in files.unknown_folders(settings)]
    return entries, findings


def _date(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
