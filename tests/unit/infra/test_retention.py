"""Policies of retention: complete, within the limits, and what breaks one is named."""

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tidegate_infra.broker.topics import tidegate_topics
from tidegate_infra.errors import SettingsError
from tidegate_infra.keys import ensure_keys
from tidegate_infra.logs import LOG_DAYS, bound_age
from tidegate_infra.privacy import inventory
from tidegate_infra.privacy.retention.files import DEVICE_DAYS, elsewhere, file_policies, oldest_file
from tidegate_infra.privacy.retention.kafka import FoundTopic
from tidegate_infra.privacy.retention.policy import BASES, LIMIT_DAYS, TRACKER_LIMIT_DAYS, in_words
from tidegate_infra.privacy.retention.record import judge_files, judge_topics
from tidegate_infra.privacy.retention.stored import ttl_days
from tidegate_infra.privacy.retention.tables import TABLES, shortened, table_policies
from tidegate_infra.privacy.retention.topics import KAFKAS_OWN, policy_of, topic_policies
from tidegate_infra.settings import Settings
from tidegate_sinks.tables import tables
from tidegate_stream.gate.salts import DAY_SECONDS

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[3]
DEVICE = ROOT / "producers/browser/src/device.ts"
PROOFS = {"consents", "erasures", "migrations"}


def test_every_table_has_a_policy_and_every_policy_a_table() -> None:
    assert set(TABLES) == {*tables(), "migrations"}
    assert all(policy.column in tables()[name].columns for name, policy in TABLES.items() if name != "migrations")


def test_statistics_go_within_25_months_even_where_merges_are_late() -> None:
    kept = {policy.name: policy.most_days for policy in table_policies({}) if policy.name not in PROOFS}
    assert {name: days for name, days in kept.items() if days is None or days > LIMIT_DAYS} == {}


def test_what_is_on_a_device_goes_within_13_months() -> None:
    life = re.search(r"^const LIFE = ([\d_]+);", DEVICE.read_text(), re.M)
    assert life
    assert int(life[1]) == DEVICE_DAYS * DAY_SECONDS * 1000
    assert DEVICE_DAYS <= TRACKER_LIMIT_DAYS


@pytest.mark.parametrize("generation", [1, 2])
def test_every_topic_has_a_policy(tmp_path: Path, generation: int) -> None:
    policies = list(topic_policies(Settings(home=tmp_path)))
    names = [topic.name for topic in tidegate_topics(1, generation=generation)]
    assert [name for name in names if policy_of(name, policies) is None] == []
    assert policy_of("tidegate-sessions.track-changelog", policies) is not None


def test_topics_that_break_their_policy_are_named(tmp_path: Path) -> None:
    policies = list(topic_policies(Settings(home=tmp_path)))
    young, old = NOW - timedelta(hours=13), NOW - timedelta(hours=14)
    fine = FoundTopic("raw.track", "delete, 0.5 days", 0.5, 9, young)
    for found, said in (
        (FoundTopic("raw.error", "delete, 0.5 days", 0.5, 9, old), "topic raw.error holds records older"),
        (FoundTopic("raw.span", "delete, 1 days", 1.0, 0, None), "topic raw.span is set to delete, 1 days"),
        (FoundTopic("raw.log", "compact, not by time", None, 0, None), "topic raw.log is set to compact"),
        (FoundTopic("copy-of-raw", "delete, 7 days", 7.0, 0, None), "topic copy-of-raw has no policy"),
    ):
        entries, findings = judge_topics(policies, [fine, found], NOW, all_ours=True)
        assert entries[0].place == "raw.track"
        assert len(findings) == 1
        assert findings[0].startswith(said)


def test_topics_of_others_need_no_policy_on_a_shared_kafka(tmp_path: Path) -> None:
    policies = list(topic_policies(Settings(home=tmp_path)))
    theirs = [FoundTopic(name, "delete, 7 days", 7.0, 0, None) for name in ("orders", *KAFKAS_OWN)]
    assert judge_topics(policies, theirs, NOW, all_ours=False) == ([], [])


def test_files_that_are_too_old_are_named(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, salts_dir=tmp_path / "salts")
    for folder in ("salts", "logs", "keys", "data/gateway/spool", "data/copies"):
        (tmp_path / folder).mkdir(parents=True)
    ensure_keys(settings)
    day = int(NOW.timestamp()) // DAY_SECONDS
    (tmp_path / f"salts/salt-{day - 1}").touch()
    (tmp_path / "logs/worker.log").write_text('{"time": "2026-11-20T00:00:00.000+00:00"}\n')
    assert judge_files(settings, NOW)[1] == [f"folder {tmp_path / 'data/copies'} has no policy"]

    (tmp_path / f"salts/salt-{day - 3}").touch()
    (tmp_path / "logs/worker.log").write_text('{"time": "2026-10-20T00:00:00.000+00:00"}\n')
    spooled = tmp_path / "data/gateway/spool/1"
    spooled.write_text("an event")
    os.utime(spooled, (NOW.timestamp() - 2 * DAY_SECONDS,) * 2)
    findings = judge_files(settings, NOW)[1]
    assert [finding.partition(":")[0] for finding in findings[:3]] == ["salts", "spool", "logs"]


@pytest.mark.parametrize(
    ("engine", "days"),
    [
        ("ReplacingMergeTree(v) ORDER BY a TTL toDateTime(at) + toIntervalDay(30) SETTINGS index_granularity = 1", 30),
        ("MergeTree ORDER BY a TTL at + toIntervalMonth(25)", 775),
        ("MergeTree ORDER BY a SETTINGS index_granularity = 8192", None),
        ("MergeTree ORDER BY a TTL other + toIntervalDay(30)", None),
        ("MergeTree ORDER BY a TTL at + toIntervalDay(30) WHERE b = 1", None),
        ("MergeTree ORDER BY a TTL at + toIntervalDay(30) TO VOLUME 'cold'", None),
    ],
)
def test_only_a_ttl_that_deletes_all_old_rows_counts(engine: str, days: float | None) -> None:
    assert ttl_days(engine, "at") == days


def test_tables_may_keep_rows_for_less_and_never_for_more() -> None:
    assert shortened("") == {}
    assert shortened("events_track=180 events_span=14") == {"events_track": 180, "events_span": 14}
    for wrong in ("events_track=731", "events_track=0", "events_track", "consent=1", "migrations=1"):
        with pytest.raises(SettingsError, match="TIDEGATE_RETENTION_DAYS"):
            shortened(wrong)


def test_no_line_of_a_log_outlives_its_days_while_the_service_writes_on(tmp_path: Path) -> None:
    log, aside, began = tmp_path / "worker.log", tmp_path / "worker.log.1", NOW.timestamp()
    with log.open("ab", buffering=0) as service:
        service.write(b"first\n")
        bound_age(log, began)
        bound_age(log, began + (LOG_DAYS / 2 - 1) * DAY_SECONDS)
        assert (log.read_bytes(), aside.read_bytes()) == (b"first\n", b"")
        bound_age(log, began + LOG_DAYS / 2 * DAY_SECONDS)
        service.write(b"second\n")
        assert (log.read_bytes(), aside.read_bytes()) == (b"second\n", b"first\n")
        bound_age(log, began + LOG_DAYS * DAY_SECONDS)
        assert (log.read_bytes(), aside.read_bytes()) == (b"", b"second\n")


def test_a_home_without_files_has_no_oldest(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, salts_dir=tmp_path / "salts")
    assert [oldest_file(settings, name) for name in ("salts", "spool", "logs")] == [None] * 3


def test_the_inventory_in_the_documents_is_that_of_the_schemas_and_policies(tmp_path: Path) -> None:
    committed = ROOT / "docs/privacy-inventory.md"
    assert inventory.main(["--check", str(committed)]) == 0
    stale = tmp_path / "inventory.md"
    stale.write_text(committed.read_text().replace("cut to its network", "kept"))
    assert inventory.main(["--check", str(stale)]) == 1


def test_every_legal_basis_is_explained(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    policies = [*table_policies({}), *topic_policies(settings), *file_policies(settings), *elsewhere()]
    assert {policy.basis for policy in policies} == set(BASES)


@pytest.mark.parametrize(("days", "said"), [(0.5, "12 h"), (1.0, "1 day"), (1.25, "30 h"), (7.0, "7 days")])
def test_times_are_told_as_people_say_them(days: float, said: str) -> None:
    assert in_words(days) == said
