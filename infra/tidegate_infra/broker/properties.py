"""The embedded broker's configuration: one KRaft node, broker and controller in one, on the loopback interface."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["MESSAGE_MAX_BYTES", "BrokerAddress", "server_properties"]

MESSAGE_MAX_BYTES = 16 * 1024 * 1024
"""Largest record batch; state deltas and dead letters need the room."""

_TEMPLATE = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
# A misspelt topic is an error, not a new topic.
auto.create.topics.enable=false
num.partitions=2
default.replication.factor=1
min.insync.replicas=1
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# One node and few members: nobody else is worth waiting for.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# After a kill the node is registered anew only when its old registration has timed out: 9 s by default.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
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
    """Where the node listens: `port` for clients, `controller_port` for itself."""

    port: int
    controller_port: int
    host: str = "127.0.0.1"

    @property
    def bootstrap(self) -> str:
        """Address for clients."""
        return f"{self.host}:{self.port}"


def server_properties(address: BrokerAddress, data: Path) -> str:
    """Text of server.properties."""
    return _TEMPLATE.format(
        host=address.host,
        port=address.port,
        controller_port=address.controller_port,
        data=data.as_posix(),
        message_max_bytes=MESSAGE_MAX_BYTES,
    )
