"""The gateway's process."""

from __future__ import annotations

import logging
import signal
import sys
import threading

import uvicorn

from tidegate.publish import KafkaPublisher, Publisher
from tidegate.spool.publisher import SpoolingPublisher
from tidegate_gateway.app import create_app
from tidegate_gateway.settings import GatewaySettings
from tidegate_schemas.registry import SchemaRegistry

log = logging.getLogger(__name__)

_REMIND_SECONDS = 10.0


def run(settings: GatewaySettings, registry: SchemaRegistry | None = None) -> None:
    """Serve until SIGTERM. Without a broker it keeps events on disk, says what it waits for, and goes on meanwhile."""
    kafka = KafkaPublisher(
        settings.brokers,
        client_id="tidegate-gateway",
        linger_ms=5,
        registry=registry,
        generation=settings.generation,
        delivery_timeout_seconds=settings.spool_after_seconds if settings.spool else settings.delivery_timeout_seconds,
    )
    publisher = _spooling(settings, kafka, registry)
    # uvicorn ends well and raises the signal again, which would end the process before the publisher is closed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    stop = threading.Event()
    threading.Thread(target=_tell_readiness, args=(kafka, settings, stop), daemon=True).start()
    config = uvicorn.Config(
        create_app(settings, publisher),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
        timeout_keep_alive=30,
    )
    try:
        uvicorn.Server(config).run()
    finally:
        stop.set()
        left = publisher.close()
        if left:
            became = "wait in the spool for the next start" if settings.spool else "are lost; their senders were told"
            log.error("stopped with %d records that Kafka had not acknowledged: they %s", left, became)


def _spooling(settings: GatewaySettings, kafka: KafkaPublisher, registry: SchemaRegistry | None) -> Publisher:
    """With a spool before Kafka's client, if one is to be."""
    if settings.spool is None:
        return kafka
    settings.spool.mkdir(parents=True, exist_ok=True, mode=0o700)
    return SpoolingPublisher(
        kafka,
        settings.spool,
        synced=True,
        max_bytes=settings.spool_bytes,
        registry=registry,
        generation=settings.generation,
    )


def _tell_readiness(kafka: KafkaPublisher, settings: GatewaySettings, stop: threading.Event) -> None:
    told, meanwhile = False, "events are kept on disk" if settings.spool else "requests are answered with 503"
    while not kafka.ready(_REMIND_SECONDS):
        log.warning("waiting for a Kafka broker at %s; %s meanwhile", settings.brokers, meanwhile)
        told = True
        if stop.wait(1.0):
            return
    if told:
        log.info("a broker answers at %s", settings.brokers)
