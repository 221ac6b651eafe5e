"""The worker's process: waits for ClickHouse, builds the app, and runs Faust until SIGTERM or the first error."""

from __future__ import annotations

import logging

import faust

from tidegate_schemas.registry import SchemaRegistry
from tidegate_sinks.clickhouse import Address, wait_for
from tidegate_sinks.writer import ClickHouseWriter
from tidegate_stream import probe
from tidegate_stream.app import build
from tidegate_stream.gate.keys import DirectoryKeys
from tidegate_stream.settings import WorkerSettings

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
    wiring = build(settings, ClickHouseWriter(client), DirectoryKeys(settings.keys_dir), registry)
    probe.serve(settings.metrics_port, lambda: _health(wiring.app))
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    log.info("worker reads from %s and writes to %s", settings.brokers, settings.clickhouse_url)
    worker = faust.Worker(wiring.app, loglevel="WARNING", quiet=True, override_logging=False, redirect_stdouts=False)
    worker.execute_from_commandline()


def _health(app: faust.App) -> dict[str, str]:
    """Whether partitions are assigned and their state is recovered."""
    if not app.started:
        return {"status": "starting"}
    if app.rebalancing or app.in_recovery:
        return {"status": "recovering"}
    return {"status": "ok"}
