"""The gateway's process."""

from __future__ import annotations

import gc
import logging
import resource
import signal
import sys
import threading

import uvicorn
from starlette.applications import Starlette

from tidegate.publish import KafkaPublisher, Publisher, Seal, seal_of
from tidegate.spool.publisher import SpoolingPublisher
from tidegate_gateway.app import create_app
from tidegate_gateway.connections import Connections
from tidegate_gateway.guarded import protocol_within
from tidegate_gateway.settings import GatewaySettings
from tidegate_schemas.registry import SchemaRegistry

log = logging.getLogger(__name__)

_REMIND_SECONDS = 5.0
_OTHER_FILES = 512
YOUNG_OBJECTS = 50_000
"""Between two looks for garbage that holds itself."""


def run(settings: GatewaySettings, registry: SchemaRegistry | None = None) -> None:
    """Serve until SIGTERM. Without a broker it keeps events on disk, says what it waits for, and goes on meanwhile."""
    seal = None if settings.edge_key is None else seal_of(settings.edge_key)
    kafka = KafkaPublisher(
        settings.brokers,
        client_id="tidegate-gateway",
        linger_ms=5,
        registry=registry,
        generation=settings.generation,
        delivery_timeout_seconds=settings.spool_after_seconds if settings.spool else settings.delivery_timeout_seconds,
        polled=True,
        seal=seal,
    )
    publisher = _spooling(settings, kafka, registry, seal)
    # uvicorn ends well and raises the signal again, which would end the process before the publisher is closed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    stop = threading.Event()
    threading.Thread(target=_tell_readiness, args=(kafka, settings, stop), daemon=True).start()
    _allow_files(settings.connections.connections)
    _spare_the_collector()
    try:
        uvicorn.Server(server_config(settings, create_app(settings, publisher))).run()
    finally:
        stop.set()
        left = publisher.close()
        if left:
            became = "wait in the spool for the next start" if settings.spool else "are lost; their senders were told"
            log.error("stopped with %d records that Kafka had not acknowledged: they %s", left, became)


def server_config(settings: GatewaySettings, app: Starlette) -> uvicorn.Config:
    """How an application is served within the limits on connections."""
    limits = settings.connections
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=protocol_within(Connections(limits)),
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
        timeout_keep_alive=int(limits.idle_seconds),
    )


def _allow_files(connections: int) -> None:
    """A connection is an open file, of which many systems allow 1,024 until a process asks for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        if most < wanted:
            log.warning("%d open files are allowed, of %d that as many connections need: see ulimit -n", most, wanted)


def _spare_the_collector() -> None:
    """What was imported stays, and a request's thousands of objects are gone by themselves when it is answered."""
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 100)


def _spooling(
    settings: GatewaySettings, kafka: KafkaPublisher, registry: SchemaRegistry | None, seal: Seal | None
) -> Publisher:
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
        seal=seal,
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
