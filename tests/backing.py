"""What tests run on: one embedded broker, three, or containers. `pytest --brokers=…` chooses.

Tests of the embedded runtime itself (its ClickHouse engine, `tidegate up`, the demo) run on it whatever is chosen.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from tests.contract.registry import apicurio

from tidegate_infra.addresses import ClickHouseAddress
from tidegate_infra.broker import fixture as broker_fixture
from tidegate_infra.clickhouse import fixture as clickhouse_fixture

CHOICES = ("1", "3", "containers")


class Broker(Protocol):
    """A Kafka with Tidegate's topics, whose nodes can be killed and started again where they were."""

    @property
    def bootstrap(self) -> str:
        """Addresses of all nodes, for clients."""

    @property
    def replication_factor(self) -> int:
        """Copies that a topic has."""

    def kill(self, index: int = 0) -> None:
        """SIGKILL for a node; comes back when it is gone."""

    def start_again(self, index: int = 0) -> None:
        """Start a killed node with its old data; comes back when it answers."""

    def wait_in_sync(self) -> None:
        """Come back when every partition has a leader and all its copies."""


class CannotRunError(Exception):
    """What was chosen can't run on this machine."""


class _Chosen:
    def __init__(self) -> None:
        self.option = CHOICES[0]

    @property
    def containers(self) -> bool:
        return self.option == "containers"


_CHOSEN = _Chosen()


def choose(option: str) -> None:
    """Make every stack from now on run on this; CannotRunError if it is containers and no daemon answers."""
    if option == "containers":
        from tests.containers import require_docker  # noqa: PLC0415 - Docker's client, for those who asked for it

        require_docker()
    _CHOSEN.option = option


def broker(home: Path, partitions: int = 2) -> AbstractContextManager[Broker]:
    """Run the chosen broker; `home` is where an embedded one keeps its data."""
    if _CHOSEN.containers:
        from tests.containers import kafka  # noqa: PLC0415 - same

        return kafka(partitions)
    return broker_fixture.start(home, partitions, nodes=int(_CHOSEN.option))


@contextmanager
def clickhouse(home: Path) -> Iterator[ClickHouseAddress]:
    """Run a ClickHouse without tables: a server in a container, else the embedded engine with its data in `home`."""
    if _CHOSEN.containers:
        from tests.containers import clickhouse_server  # noqa: PLC0415 - same

        with clickhouse_server() as address:
            yield address
    else:
        with clickhouse_fixture.start(home) as running:
            yield ClickHouseAddress(running.url, running.writer_password)


def registry(home: Path) -> AbstractContextManager[str]:
    """Run a schema registry and give the base address of its Confluent API; a local one logs to `home`."""
    if _CHOSEN.containers:
        from tests.containers import registry_server  # noqa: PLC0415 - same

        return registry_server()
    return apicurio.start(home)
