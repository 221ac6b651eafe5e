"""Run one service in this process: its room's own settings, made from ours. Rooms are imported when they are run."""

import os
from collections.abc import Callable, Mapping

from tidegate_infra import ports
from tidegate_infra.broker.prepare import prepare
from tidegate_infra.broker.properties import BrokerAddress, Cluster
from tidegate_infra.home import CHAOS_FACT, fact_path, prepare_home
from tidegate_infra.keys import PROJECTS, Keys, ensure_edge_key, ensure_keys
from tidegate_infra.operators import operators_of
from tidegate_infra.provision import provide_registry, provide_tables, provide_topics, provide_topics_meanwhile
from tidegate_infra.runtime import Addresses, addresses
from tidegate_infra.settings import Settings
from tidegate_infra.telemetry import INTERNAL_PROJECT, log_to_stdout, report_exceptions

__all__ = ["RUN", "run_service"]

_SERVE_HTTP = frozenset({"gateway", "dashboard"})


def run_service(settings: Settings, name: str) -> None:
    """Run a service until SIGTERM; its port is chosen here unless it was set. Never returns for the broker."""
    prepare_home(settings)
    keys = ensure_keys(settings)
    chosen = ports.resolve(settings, [name, "controller"] if name == "broker" else [name])
    where = addresses(settings, chosen)
    log_to_stdout(name, settings.log_level)
    if settings.report_exceptions and name != "broker":
        dsn = where.dsn(keys.internal_write_key, INTERNAL_PROJECT)
        report_exceptions(name, dsn, _release(), serves_http=name in _SERVE_HTTP)
    RUN[name](settings, where, keys)


def _release() -> str:
    from importlib.metadata import version  # noqa: PLC0415 - reads the disk

    return f"tidegate@{version('tidegate')}"


def _broker(settings: Settings, where: Addresses, _keys: Keys) -> None:
    alone = Cluster((BrokerAddress(where.ports["broker"], where.ports["controller"]),))
    command = prepare(settings.data_dir / "broker", alone, settings.cache, settings.broker_heap_mb, _log_line)
    os.execv(command.argv[0], command.argv)  # noqa: S606 - replaced by Java: one process less, and its signals


def _clickhouse(settings: Settings, where: Addresses, keys: Keys) -> None:
    from tidegate_infra.clickhouse.serve import run  # noqa: PLC0415 - loads the engine

    run(
        settings.data_dir / "clickhouse",
        ports.host_of(settings, "clickhouse"),
        where.ports["clickhouse"],
        keys.clickhouse_password,
    )


def _gateway(settings: Settings, where: Addresses, keys: Keys) -> None:
    from tidegate_gateway.connections import ConnectionLimits  # noqa: PLC0415 - only this process needs it
    from tidegate_gateway.limits import Rate  # noqa: PLC0415 - only this process needs it
    from tidegate_gateway.serve import run  # noqa: PLC0415 - same
    from tidegate_gateway.settings import GatewaySettings, Project  # noqa: PLC0415 - same

    provide_topics_meanwhile(settings, where)
    own = {0: keys.internal_write_key, 1: keys.write_key}
    run(
        GatewaySettings(
            host=settings.host,
            port=where.ports["gateway"],
            brokers=where.brokers,
            projects=tuple(Project(number, PROJECTS[number], key) for number, key in own.items()),
            dead_letter_public_key=keys.dead_letter_public_key,
            log_level=settings.log_level,
            generation=settings.generation,
            max_event_bytes=settings.max_event_bytes,
            key_rate=Rate(settings.rate_limit_events_per_second, settings.rate_limit_burst_events),
            spool=settings.data_dir / "gateway" / "spool" if settings.gateway_spool_mb else None,
            spool_bytes=settings.gateway_spool_mb << 20,
            spool_after_seconds=settings.gateway_spool_after_seconds,
            connections=ConnectionLimits(
                settings.gateway_max_connections, settings.gateway_max_connections_per_address
            ),
            counters=settings.data_dir / "gateway",
            edge_key=ensure_edge_key(settings),
        ),
        provide_registry(settings),
    )


def _worker(settings: Settings, where: Addresses, keys: Keys) -> None:
    from tidegate_infra.privacy.keys import key_source, schedule, sealing_keys  # noqa: PLC0415 - loads Faust and polars
    from tidegate_stream.worker import WorkerSettings, run  # noqa: PLC0415 - same

    provide_topics(settings, where)
    provide_tables(where, keys, settings.retention_days)
    run(
        WorkerSettings(
            brokers=where.brokers,
            clickhouse_url=where.clickhouse_url,
            clickhouse_password=keys.clickhouse_password,
            partitions=settings.partitions,
            replication_factor=settings.replication_factor,
            generation=settings.generation,
            data_dir=settings.data_dir / "worker",
            keys_dir=settings.keys_dir,
            key_source=key_source(settings),
            sealing_keys=sealing_keys(settings),
            salts_dir=settings.salts_folder,
            key_schedule=schedule(settings),
            privacy_rules=settings.privacy_rules_file,
            flush_seconds=settings.flush_seconds,
            lateness_seconds=settings.lateness_seconds,
            session_gap_seconds=settings.session_gap_seconds,
            metrics_port=where.ports["worker"],
            reconcile_seconds=settings.reconcile_interval_seconds,
        ),
        provide_registry(settings),
    )


def _dashboard(settings: Settings, where: Addresses, keys: Keys) -> None:
    from tidegate_dashboards.app import run  # noqa: PLC0415 - loads NiceGUI
    from tidegate_dashboards.settings import DashboardSettings  # noqa: PLC0415 - same

    desk = None
    if settings.operators:
        from tidegate_infra.privacy.rights.apart import OfficeApart  # noqa: PLC0415 - only with operators
        from tidegate_infra.privacy.rights.desk import OperatorsDesk  # noqa: PLC0415 - same

        desk = OperatorsDesk(operators_of(settings.operators), OfficeApart(settings.home))
    run(
        DashboardSettings(
            host=settings.host,
            port=where.ports["dashboard"],
            clickhouse_url=where.clickhouse_url,
            gateway_url=where.gateway_url,
            brokers=where.brokers,
            generation=settings.generation,
            write_key=keys.write_key,
            export_minimum_subjects=settings.export_minimum_subjects,
            chaos_path=fact_path(settings, CHAOS_FACT),
        ),
        desk,
    )


def _alerts(settings: Settings, where: Addresses, _keys: Keys) -> None:
    from tidegate_dashboards.alerts import run  # noqa: PLC0415 - only this process needs it
    from tidegate_dashboards.settings import AlertSettings  # noqa: PLC0415 - same

    run(
        AlertSettings(
            state_dir=settings.data_dir / "alerts",
            clickhouse_url=where.clickhouse_url,
            webhook_url=settings.alert_webhook_url,
            interval_seconds=settings.alert_interval_seconds,
            metrics_port=where.ports["alerts"],
            dashboard_url=where.dashboard_url,
        )
    )


def _log_line(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the broker's log is its standard output


RUN: Mapping[str, Callable[[Settings, Addresses, Keys], None]] = {
    "broker": _broker,
    "clickhouse": _clickhouse,
    "gateway": _gateway,
    "worker": _worker,
    "dashboard": _dashboard,
    "alerts": _alerts,
}
"""How each service is run."""
