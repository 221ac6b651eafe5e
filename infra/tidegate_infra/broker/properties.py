"""The embedded broker's configuration: KRaft nodes, broker and controller in one, on the loopback interface.

A stack runs one node. Tests run three too, to see what happens when one of them dies.
"""

import base64
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from tidegate_infra.errors import BrokerError

__all__ = ["MESSAGE_MAX_BYTES", "BrokerAddress", "Cluster", "server_properties"]

_MOST_REPLICAS = 3

MESSAGE_MAX_BYTES = 16 * 1024 * 1024
"""Largest record batch; state deltas and dead letters need the room."""

_TEMPLATE = """\
process.roles=broker,controller
node.id={node_id}
controller.quorum.voters={voters}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
# A misspelt topic is an error, not a new topic.
auto.create.topics.enable=false
num.partitions=2
default.replication.factor={replicas}
min.insync.replicas={in_sync}
offsets.topic.num.partitions=4
offsets.topic.replication.factor={replicas}
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={in_sync}
# Few members, and they start together: nobody else is worth waiting for.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# After a kill the node is registered anew only when its old registration has timed out: 9 s by default.
# Of several nodes the others take over its partitions then.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
replica.lag.time.max.ms=3000
controller.quorum.election.timeout.ms=500
controller.quorum.fetch.timeout.ms=1000
message.max.bytes={message_max_bytes}
replica.fetch.max.bytes={message_max_bytes}
# Small on purpose: threads, cleaner and index buffers are most of an idle broker's memory.
num.network.threads=2
num.io.threads=2
num.recovery.threads.per.data.dir=1
background.threads=2
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=4194304
log.cleaner.io.buffer.size=131072
log.segment.bytes=67108864
log.index.size.max.bytes=2097152
log.retention.check.interval.ms=60000
metadata.log.segment.bytes=8388608
metadata.max.retention.bytes=16777216
"""


@dataclass(frozen=True)
class BrokerAddress:
    """Where a node listens: `port` for clients, `controller_port` for the controllers, itself among them."""

    port: int
    controller_port: int
    host: str = "127.0.0.1"

    @property
    def bootstrap(self) -> str:
        """Address for clients."""
        return f"{self.host}:{self.port}"


def _new_cluster_id() -> str:
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


@dataclass(frozen=True)
class Cluster:
    """Nodes that are one Kafka; a node's id is its place among them, from 1.

    BrokerError if their number is even: half of them could not outvote the rest, so the last one adds nothing.
    """

    nodes: tuple[BrokerAddress, ...]
    cluster_id: str = field(default_factory=_new_cluster_id)

    def __post_init__(self) -> None:
        if len(self.nodes) % 2 == 0:
            raise BrokerError(
                f"a cluster of {len(self.nodes)} nodes was asked for; allowed are odd numbers. Fix: ask for 1 or 3."
            )

    @property
    def bootstrap(self) -> str:
        """Addresses for clients."""
        return ",".join(node.bootstrap for node in self.nodes)

    @property
    def replication_factor(self) -> int:
        """Copies of a partition: one on each node, three at most."""
        return min(_MOST_REPLICAS, len(self.nodes))


def server_properties(cluster: Cluster, index: int, data: Path) -> str:
    """Text of the server.properties of `cluster.nodes[index]`, which keeps its data in `data`."""
    address, replicas = cluster.nodes[index], cluster.replication_factor
    voters = (f"{number}@{node.host}:{node.controller_port}" for number, node in enumerate(cluster.nodes, start=1))
    return _TEMPLATE.format(
        node_id=index + 1,
        voters=",".join(voters),
        replicas=replicas,
        in_sync=max(1, replicas - 1),  # one node may be away
        host=address.host,
        port=address.port,
        controller_port=address.controller_port,
        data=data.as_posix(),
        message_max_bytes=MESSAGE_MAX_BYTES,
    )
