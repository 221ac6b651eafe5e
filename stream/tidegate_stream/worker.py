"""The worker's process: waits for ClickHouse, builds the app, and runs Faust until SIGTERM or the first error.

Beside Faust run the reconciler, the settler of pages and the custodian of keys, each in a thread.
"""

from __future__ import annotations

import gc
import logging
import threading
import time

import faust
from clickhouse_connect.driver.client import Client

from tidegate_schemas.registry import SchemaRegistry
from tidegate_schemas.topics import CONSENTS, clean_topic, generation_of
from tidegate_sinks.clickhouse import Address, wait_for
from tidegate_sinks.settling import Settler
from tidegate_sinks.writer import ClickHouseWriter
from tidegate_stream import probe
from tidegate_stream.app import build
from tidegate_stream.changelogs import ensure_changelogs
from tidegate_stream.flight import committed_offsets, earlier_topics
from tidegate_stream.gate.custodian import Custodian
from tidegate_stream.gate.epochs import Schedule
from tidegate_stream.gate.keys import DirectoryKeys
from tidegate_stream.gate.rules import load_rules
from tidegate_stream.gate.salts import FolderSalts
from tidegate_stream.observability import KEYS_KEPT_AT, RULES
from tidegate_stream.reconcile import Reconciler, Scope
from tidegate_stream.settings import WorkerSettings

__all__ = ["WorkerSettings", "run"]

#: Objects made and not gone until the youngest are looked at, and how many such rounds until older ones are.
GARBAGE_THRESHOLDS = (50_000, 20, 50)

#: Between two looks for pages to settle.
SETTLE_SECONDS = 1800.0

log = logging.getLogger(__name__)

#: Faust logs each service's every step, under the name of the module that subclasses it.
_CHATTY = (
    "aiokafka",
    "faust",
    "mode",
    *(f"tidegate_stream.{name}" for name in ("state.table", "transport.app", "transport.consumer", "transport.thread")),
)


def run(settings: WorkerSettings, registry: SchemaRegistry | None = None) -> None:
    """Run until SIGTERM. Ends the process with exit code 70 at the first error, to be restarted and replay."""
    rules = load_rules(settings.privacy_rules, required=True)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    client = wait_for(Address(settings.clickhouse_url, "writer", settings.clickhouse_password))
    earlier = earlier_topics(settings.brokers, settings.generation)
    wiring = build(settings, ClickHouseWriter(client), _keys(settings), registry, earlier, rules)
    probe.serve(settings.metrics_port, lambda: _health(wiring.app))
    if settings.reconcile_seconds > 0:
        _reconcile(settings, client, wiring.app)
    _settle(settings, client, wiring.app)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    generations = sorted({generation_of(topic) for topic in wiring.topics if topic != CONSENTS})
    log.info(
        "worker reads topics of generation %s from %s and writes to %s",
        " and ".join(map(str, generations)),
        settings.brokers,
        settings.clickhouse_url,
    )
    RULES.set(rules.fingerprint)
    if rules.projects:
        log.info("privacy rules of %s, as in %s now", ", ".join(sorted(rules.projects)), settings.privacy_rules)
    _collect_garbage_seldom()
    changelogs = {table.changelog_topic.get_topic_name(): table.partitions for table in wiring.app.tables.values()}
    ensure_changelogs(settings.brokers, changelogs, settings.replication_factor)
    worker = faust.Worker(wiring.app, loglevel="WARNING", quiet=True, override_logging=False, redirect_stdouts=False)
    worker.execute_from_commandline()


def _keys(settings: WorkerSettings) -> DirectoryKeys:
    """The keys, looked after for as long as the process lives."""
    salts = FolderSalts(settings.salts_dir or settings.keys_dir / "salts", time.time)
    keys = DirectoryKeys(settings.keys_dir, source=settings.key_source, salts=salts)
    arguments = (threading.Event(), KEYS_KEPT_AT.set)
    custodian = Custodian(keys, settings.key_schedule or Schedule())
    threading.Thread(target=custodian.run, args=arguments, name="custodian", daemon=True).start()
    return keys


def _collect_garbage_seldom() -> None:
    """Leave out of each collection what lives as long as the process, and look at the rest less often.

    A fetch makes thousands of small objects at once, none of them in a cycle. With Python's own thresholds the
    collector walked the whole heap again and again meanwhile: 8 % of a worker's CPU time under load.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


def _health(app: faust.App) -> dict[str, str]:
    """Whether partitions are assigned and their state is recovered."""
    if not app.started:
        return {"status": "starting"}
    if app.rebalancing or app.in_recovery:
        return {"status": "recovering"}
    return {"status": "ok"}


def _reconcile(settings: WorkerSettings, client: Client, app: faust.App) -> None:
    """Compare what this worker owns with the archive, for as long as the process lives."""
    reconciler = Reconciler(
        client,
        lambda places: committed_offsets(settings.brokers, settings.app_id, places),
        lambda: _own(app),
        Scope(0, 0, settings.generation, settings.lateness_seconds, settings.session_gap_seconds),
    )
    arguments = (threading.Event(), settings.reconcile_seconds)
    threading.Thread(target=reconciler.run, args=arguments, name="reconciler", daemon=True).start()


def _settle(settings: WorkerSettings, client: Client, app: faust.App) -> None:
    """Settle pages in the ledger, as the one worker that owns a certain partition, for as long as the process lives."""
    one = clean_topic("track", settings.generation), 0
    arguments = (threading.Event(), SETTLE_SECONDS, lambda: one in _own(app))
    threading.Thread(target=Settler(client).run, args=arguments, name="settler", daemon=True).start()


def _own(app: faust.App) -> set[tuple[str, int]]:
    """Topics and partitions that are assigned to this worker."""
    return {(tp.topic, tp.partition) for tp in app.consumer.assignment()} if app.started else set()
