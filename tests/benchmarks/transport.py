"""Records/s into an agent: the chunk transport against vanilla Faust, on the same records of the same broker."""

import json
import statistics
import subprocess
import sys
from pathlib import Path

from confluent_kafka import Producer

from tidegate_infra.broker import fixture as broker_fixture
from tidegate_infra.broker.topics import create_topics, tidegate_topics

RECORDS = {"chunks": 1_000_000, "vanilla": 60_000}
VALUE = b"x" * 200
ROUNDS = 3
RUNNER = Path(__file__).with_name("receive.py")
TOPIC = "raw.track"


def measure(home: Path) -> tuple[float, float]:
    """Medians of three rounds each, side by side."""
    with broker_fixture.start(home) as broker:
        create_topics(broker.bootstrap, tidegate_topics(2))
        producer = Producer(
            {"bootstrap.servers": broker.bootstrap, "queue.buffering.max.messages": 2_000_000, "linger.ms": 50}
        )
        for index in range(max(RECORDS.values())):
            producer.produce(TOPIC, VALUE, partition=index % 2)
            if index % 10_000 == 0:
                producer.poll(0)
        producer.flush()
        rates: dict[str, list[float]] = {"chunks": [], "vanilla": []}
        for number in range(ROUNDS):
            for way, found in rates.items():
                found.append(_receive(broker.bootstrap, way, number, home))
    return statistics.median(rates["chunks"]), statistics.median(rates["vanilla"])


def _receive(brokers: str, way: str, number: int, home: Path) -> float:
    """Rate of one run in a process of its own, which checks that it got every record."""
    command = [sys.executable, str(RUNNER), way, brokers, f"bench-{way}-{number}", str(RECORDS[way]), str(home / way)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    # Faust writes a terminal sequence before the first line.
    lines = [line[line.index("{") :] for line in done.stdout.splitlines() if "{" in line]
    if not lines:
        raise RuntimeError(f"{way} ended with {done.returncode}: {done.stderr[-2000:]}")
    rate: float = json.loads(lines[-1])["records_per_second"]
    return rate
