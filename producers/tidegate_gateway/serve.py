"""The gateway's process."""

from __future__ import annotations

import gc
import logging
import threading

import uvicorn

from tidegate.publish import KafkaPublisher
from tidegate_gateway.app import create_app
from tidegate_gateway.settings import GatewaySettings
from tidegate_schemas.registry import SchemaRegistry

log = logging.getLogger(__name__)

_REMIND_SECONDS = 10.0
YOUNG_OBJECTS = 50_000
"""Between two looks for garbage that holds itself."""


def run(settings: GatewaySettings, registry: SchemaRegistry | None = None) -> None:
    """Serve until SIGTERM. Without a broker it answers 503, says what it waits for, and goes on when there is one."""
    publisher = KafkaPublisher(
        settings.brokers,
        client_id="tidegate-gateway",
        linger_ms=5,
        registry=registry,
        generation=settings.generation,
        polled=True,
    )
    stop = threading.Event()
    threading.Thread(target=_tell_readiness, args=(publisher, settings.brokers, stop), daemon=True).start()
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
    _spare_the_collector()
    try:
        uvicorn.Server(config).run()
    finally:
        stop.set()
        left = publisher.close()
        if left:
            log.error("stopped with %d records that Kafka had not acknowledged; their senders were told", left)


def _spare_the_collector() -> None:
    """What was imported stays, and a request's thousands of objects are gone by themselves when it is answered."""
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 100)


def _tell_readiness(publisher: KafkaPublisher, brokers: str, stop: threading.Event) -> None:
    told = False
    while not publisher.ready(_REMIND_SECONDS):
        log.warning("waiting for a Kafka broker at %s; requests are answered with 503 meanwhile", brokers)
        told = True
        if stop.wait(1.0):
            return
    if told:
        log.info("a broker answers at %s", brokers)
