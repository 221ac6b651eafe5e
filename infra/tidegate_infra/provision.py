"""Give a broker Tidegate's topics and a ClickHouse its tables; wait for either as long as it takes."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from threading import Thread
from typing import TYPE_CHECKING

from tidegate_infra.errors import BrokerError, SettingsError, UnavailableError
from tidegate_infra.keys import Keys
from tidegate_infra.runtime import Addresses
from tidegate_infra.settings import Settings
from tidegate_schemas.errors import RegistryUnavailableError, TidegateError
from tidegate_schemas.registry import RegistryClient

if TYPE_CHECKING:
    from tidegate_infra.broker.topics import Topic

__all__ = ["provide_registry", "provide_tables", "provide_topics", "provide_topics_meanwhile"]

log = logging.getLogger(__name__)

_REMIND_SECONDS = 5.0
_PAUSE_SECONDS = 1.0


def provide_topics(settings: Settings, where: Addresses) -> None:
    """Wait for the broker and create the topics that it lacks; safe to repeat. Blocks.

    SettingsError if those that it has are of another partition count.
    """
    from tidegate_infra.broker import topics  # noqa: PLC0415 - loads librdkafka
    from tidegate_infra.broker.generations import misfit  # noqa: PLC0415 - same

    raw_hours, clean_days = settings.raw_retention_hours, settings.clean_retention_days
    wanted = topics.tidegate_topics(settings.partitions, raw_hours, clean_days, generation=settings.generation)
    _until_available("the broker", where.brokers, lambda: topics.wait_for_broker(where.brokers, _REMIND_SECONDS))
    if wrong := misfit(settings, topics.partition_counts(where.brokers)):
        raise SettingsError(": ".join(wrong))
    for name in topics.create_topics(where.brokers, wanted, settings.replication_factor):
        log.info("created topic %s", name)
    _keep_topics_to(where.brokers, wanted)


def _keep_topics_to(brokers: str, wanted: list[Topic]) -> None:
    from tidegate_infra.broker.retention import align  # noqa: PLC0415 - loads librdkafka

    try:
        for name in align(brokers, wanted):
            log.info("set how long topic %s keeps records, as the settings now say", name)
    except BrokerError as error:  # on a Kafka of one's own that may be somebody else's to decide
        log.warning("%s", error)


def provide_topics_meanwhile(settings: Settings, where: Addresses) -> Thread:
    """As `provide_topics`, beside whatever else this process does, which ends if topics can't be provided."""
    thread = Thread(target=_provide_or_end, args=(settings, where), name="topics", daemon=True)
    thread.start()
    return thread


def _provide_or_end(settings: Settings, where: Addresses) -> None:
    try:
        provide_topics(settings, where)
    except Exception as error:
        # Each line is flushed. `logging.shutdown` here waited for ever for a main thread that set its logging up anew.
        log.critical("this service ends: %s", error, exc_info=not isinstance(error, TidegateError))
        os._exit(1)


def provide_tables(where: Addresses, keys: Keys, retention_days: str = "") -> list[str]:
    """Wait for ClickHouse, apply the migrations that it lacks, and bring each table's TTL to its policy. Blocks.

    Returns the names of the migrations. Raises SettingsError where a table is to keep rows for longer than it may.
    """
    from tidegate_infra.privacy.retention.stored import apply_retention  # noqa: PLC0415 - loads the client
    from tidegate_infra.privacy.retention.tables import TABLES, shortened  # noqa: PLC0415 - same
    from tidegate_sinks import clickhouse, migrate  # noqa: PLC0415 - loads the client

    shorter = shortened(retention_days)
    client = clickhouse.wait_for(clickhouse.Address(where.clickhouse_url, "writer", keys.clickhouse_password))
    try:
        names = [f"{migration.number:04}_{migration.name}" for migration in migrate.apply(client)]
        for table in apply_retention(client, TABLES, shorter):
            log.info("table %s keeps rows for %d days from now on", table, shorter.get(table, TABLES[table].days or 0))
        return names
    finally:
        client.close()


def provide_registry(settings: Settings) -> RegistryClient | None:
    """Wait for the schema registry, if there is to be one. Blocks."""
    url = settings.schema_registry_url
    if url is None:
        return None
    client = RegistryClient(url)
    _until_available("the schema registry", url, lambda: client.definition(1))
    return client


def _until_available(what: str, address: str, attempt: Callable[[], object]) -> None:
    began, waited = time.monotonic(), False
    while True:
        try:
            attempt()
        except (UnavailableError, RegistryUnavailableError):
            waited = True
            log.warning("waiting for %s at %s, %.0f s so far", what, address, time.monotonic() - began)
            time.sleep(_PAUSE_SECONDS)
        else:
            if waited:
                log.info("%s answers at %s", what, address)
            return
