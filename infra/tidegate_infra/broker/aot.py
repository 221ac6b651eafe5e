"""A Java archive of the broker's loaded and linked classes: it starts in less than half the time, with less work.

Java 25 and newer write one from a training run (JEP 514). It is only a help: a Java that doesn't like an archive says
so and starts without.
"""

import signal
import subprocess
import tempfile
from pathlib import Path

from confluent_kafka import Consumer, Producer

from tidegate_infra.broker.jars import Progress, ensure_jars
from tidegate_infra.broker.java import Java, find_java, parse_major
from tidegate_infra.broker.prepare import archive_path, prepare
from tidegate_infra.broker.properties import BrokerAddress, Cluster
from tidegate_infra.broker.topics import Topic, create_topics, wait_for_broker
from tidegate_infra.errors import BrokerError, UnavailableError
from tidegate_infra.processes import free_ports, spawn, stop_group

__all__ = ["ensure_archive"]

_FIRST_MAJOR = 25
_READY_SECONDS = 60
_WRITE_SECONDS = 120
_TOPIC = "training"


def ensure_archive(cache: Path, say: Progress = lambda _line: None) -> Path | None:
    """Return the archive for our Java and jars, training one (about 10 s) if there is none; None for an older Java.

    Raises BrokerError if the training run failed.
    """
    java, jars = find_java(), ensure_jars(cache, say)
    archive = archive_path(java, jars)
    if parse_major(java.version) < _FIRST_MAJOR:
        return None
    if not archive.exists():
        say("training the broker's class archive, once for this machine")
        with tempfile.TemporaryDirectory(dir=jars.parent, prefix="train-") as scratch:
            trained = _train(java, Path(scratch), cache)
            trained.replace(archive)
        say(f"the broker's class archive has {archive.stat().st_size / 1e6:.0f} MB")
    return archive


def _train(java: Java, scratch: Path, cache: Path) -> Path:
    port, controller_port = free_ports(2)
    command = prepare(scratch / "broker", Cluster((BrokerAddress(port, controller_port),)), cache)
    archive = scratch / "archive"
    executable, *rest = command.argv
    with (scratch / "log").open("wb") as log:
        process = spawn([executable, f"-XX:AOTCacheOutput={archive}", *rest], log)
    try:
        wait_for_broker(command.address.bootstrap, _READY_SECONDS)
        _exercise(command.address.bootstrap)
        stop_group(process.pid, signal.SIGTERM)
        process.wait(_WRITE_SECONDS)
    except (UnavailableError, subprocess.TimeoutExpired) as error:
        raise BrokerError(f"training the broker's class archive failed: {error}") from error
    finally:
        stop_group(process.pid, signal.SIGKILL)
        process.wait()
    if not archive.exists():
        said = (scratch / "log").read_text(encoding="utf-8", errors="replace")[-1000:]
        raise BrokerError(f"Java {java.version} wrote no class archive: {said}")
    return archive


def _exercise(bootstrap: str) -> None:
    """Load what a stack uses in its first seconds: a topic, a transaction, a consumer group."""
    create_topics(bootstrap, [Topic(_TOPIC, 1)])
    common = {"bootstrap.servers": bootstrap, "log_level": 0}
    producer = Producer({**common, "transactional.id": _TOPIC, "compression.type": "lz4"})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(_TOPIC, b"x" * 1000)
    producer.commit_transaction(30)
    consumer = Consumer({**common, "group.id": _TOPIC, "auto.offset.reset": "earliest"})
    consumer.subscribe([_TOPIC])
    if consumer.poll(30) is not None:
        consumer.commit(asynchronous=False)
    consumer.close()
