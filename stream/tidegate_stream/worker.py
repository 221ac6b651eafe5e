"""The worker's process: waits for ClickHouse, builds the app, and runs Faust until SIGTERM or the first error.

Beside Faust runs the reconciler, in a thread.
"""

from __future__ import annotations

import logging
import threading

import faust
from clickhouse_connect.driver.client import Client

from tidegate_schemas.registry import SchemaRegistry
from tidegate_sinks.clickhouse import Address, wait_for
from tidegate_sinks.writer import ClickHouseWriter
from tidegate_stream import probe
from tidegate_stream.app import build
from tidegate_stream.flight import committed_offsets
from tidegate_stream.gate.keys import DirectoryKeys
from tidegate_stream.reconcile import Reconciler, Scope
from tidegate_stream.settings import WorkerSettings
from tidegate_stream.switch import Switch

__all__ = ["WorkerSettings", "run"]

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
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    client = wait_for(Address(settings.clickhouse_url, "writer", settings.clickhouse_password))
    switch = Switch(settings)
    settings = switch.running
    wiring = build(settings, ClickHouseWriter(client), DirectoryKeys(settings.keys_dir), registry)
    probe.serve(settings.metrics_port, lambda: _health(wiring.app))
    if settings.reconcile_seconds > 0:
        _reconcile(settings, client, wiring.app)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    log.info(
        "worker reads generation %d from %s and writes to %s",
        settings.generation,
        settings.brokers,
        settings.clickhouse_url,
    )
    worker = faust.Worker(wiring.app, loglevel="WARNING", quiet=True, override_logging=False, redirect_stdouts=False)
    switch.watch(wiring.app.fail)
    try:
        worker.execute_from_commandline()
    finally:  # it ends by SystemExit
        switch.go_on()


def _health(app: faust.App) -> dict[str, str]:
    """Whether partitions are assigned and their state is recovered."""
    if not app.started:
        return {"status": "starting"}
    if app.rebalancing or app.in_recovery:
        return {"status": "recovering"}
    return {"status": "ok"}


def _reconcile(settings: WorkerSettings, client: Client, app: faust.App) -> None:
    """Compare what this worker owns with the archive, for as long as the process lives."""

    def own() -> set[tuple[str, int]]:
        return {(tp.topic, tp.partition) for tp in app.consumer.assignment()} if app.started else set()

    reconciler = Reconciler(
        client,
        lambda places: committed_offsets(settings.brokers, settings.group, places),
        own,
        Scope(0, 0, settings.generation, settings.lateness_seconds, settings.session_gap_seconds),
    )
    arguments = (threading.Event(), settings.reconcile_seconds)
    threading.Thread(target=reconciler.run, args=arguments, name="reconciler", daemon=True).start()
