"""A broker for tests and benchmarks: fresh ports, a home of its own, gone when the block ends."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tidegate_infra.broker.jars import default_cache
from tidegate_infra.broker.node import Node
from tidegate_infra.broker.prepare import BrokerCommand, prepare
from tidegate_infra.broker.properties import BrokerAddress, Cluster
from tidegate_infra.broker.replicas import wait_in_sync
from tidegate_infra.broker.topics import create_topics, tidegate_topics
from tidegate_infra.ports import PortClaims, pick

__all__ = ["RunningBroker", "start"]

_READY_SECONDS = 60.0


class RunningBroker:
    """A broker that answers at `bootstrap`, the addresses of all its nodes. Each can be killed and started again."""

    def __init__(self, cluster: Cluster, nodes: Sequence[Node]) -> None:
        self.bootstrap = cluster.bootstrap
        self.replication_factor = cluster.replication_factor
        self.nodes = tuple(nodes)

    def kill(self, index: int = 0) -> None:
        """End a node by SIGKILL and wait until it is gone; nothing happens if it is already."""
        self.nodes[index].kill()

    def start_again(self, index: int = 0, ready_seconds: float = _READY_SECONDS) -> None:
        """Start a killed node at its old address, with its old data, and wait until it answers.

        Its copies may be behind then, see `wait_in_sync`. It lives no longer than the thread that calls this.
        BrokerError if it runs, or isn't ready in time.
        """
        self.nodes[index].launch()
        self.nodes[index].wait(sum(node.alive for node in self.nodes), ready_seconds)

    def wait_in_sync(self, seconds: float = _READY_SECONDS) -> None:
        """Block until every partition has a leader and all its copies in sync; BrokerError names those that don't."""
        wait_in_sync(self.bootstrap, seconds)


@contextmanager
def start(
    home: Path, partitions: int = 2, nodes: int = 1, ready_seconds: float = _READY_SECONDS
) -> Iterator[RunningBroker]:
    """Run a broker of so many nodes with Tidegate's topics in `home` (kept, so that it can be started there again).

    Each partition has min(3, nodes) copies, of which all but one must take a write. Other topics are made with
    `tidegate_infra.broker.topics.create_topics`: the broker creates none by itself. BrokerError says what went wrong.
    """
    claims = PortClaims(default_cache())
    try:
        cluster = Cluster(tuple(BrokerAddress(pick(claims), pick(claims)) for _ in range(nodes)))
        running = RunningBroker(cluster, [Node(command) for command in _prepared(home, cluster)])
        with _launched(running.nodes):
            for node in running.nodes:
                node.wait(nodes, ready_seconds)
            create_topics(running.bootstrap, tidegate_topics(partitions))
            yield running
    finally:
        claims.release()


def _prepared(home: Path, cluster: Cluster) -> list[BrokerCommand]:
    """Format the nodes at the same time. The first one lives in `home` itself, as the only one of a stack does."""
    homes = [home, *(home / f"node-{number}" for number in range(2, len(cluster.nodes) + 1))]
    with ThreadPoolExecutor(len(homes)) as pool:
        return list(pool.map(lambda at: prepare(at[1], cluster, default_cache(), index=at[0]), enumerate(homes)))


@contextmanager
def _launched(nodes: Sequence[Node]) -> Iterator[None]:
    try:
        for node in nodes:
            node.launch()
        yield
    finally:
        *others, last = nodes
        for node in others:
            node.stop()
        if others:
            last.kill()  # it would wait for a majority that is gone, to take its leave
        else:
            last.stop()
