"""Give a broker Tidegate's topics and a ClickHouse its tables; wait for either as long as it takes."""

import logging
import os
import time
from collections.abc import Callable
from threading import Thread

from tidegate_infra.errors import SettingsError, UnavailableError
from tidegate_infra.keys import Keys
from tidegate_infra.runtime import Addresses
from tidegate_infra.settings import Settings
from tidegate_schemas.errors import RegistryUnavailableError, TidegateError
from tidegate_schemas.registry import RegistryClient

__all__ = ["provide_registry", "provide_tables", "provide_topics", "provide_topics_meanwhile"]

log = logging.getLogger(__name__)

_REMIND_SECONDS = 10.0
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


def provide_topics_meanwhile(settings: Settings, where: Addresses) -> Thread:
    """As `provide_topics`, beside whatever else this process does, which ends if topics can't be provided."""
    thread = Thread(target=_provide_or_end, args=(settings, where), name="topics", daemon=True)
    thread.start()
    return thread


def _provide_or_end(settings: Settings, where: Addresses) -> None:
    try:
        provide_topics(settings, where)
    except Exception as error:
        log.critical("this service ends: %s", error, exc_info=not isinstance(error, TidegateError))
        logging.shutdown()
        os._exit(1)


def provide_tables(where: Addresses, keys: Keys) -> list[str]:
    """Wait for ClickHouse and apply the migrations that it lacks; returns their names. Blocks."""
    from tidegate_sinks import clickhouse, migrate  # noqa: PLC0415 - loads the client

    client = clickhouse.wait_for(clickhouse.Address(where.clickhouse_url, "writer", keys.clickhouse_password))
    try:
        return [f"{migration.number:04}_{migration.name}" for migration in migrate.apply(client)]
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
