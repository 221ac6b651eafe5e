"""Kafka, ClickHouse and a schema registry in containers, for those who have Docker: `pytest --brokers=containers`.

Checked against the API of testcontainers 4.15 and a daemon's stand-in only: where this was written, no Docker runs.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import docker
import requests
from docker.errors import DockerException
from testcontainers.community.clickhouse import ClickHouseContainer
from testcontainers.community.kafka import KafkaContainer
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HttpWaitStrategy
from tests.backing import CannotRunError
from tests.contract.registry import apicurio

from tidegate_infra.addresses import ClickHouseAddress
from tidegate_infra.broker.jars import default_cache
from tidegate_infra.broker.properties import BrokerAddress, Cluster, server_properties
from tidegate_infra.broker.replicas import wait_in_sync
from tidegate_infra.broker.topics import create_topics, tidegate_topics, wait_for_broker
from tidegate_infra.ports import PortClaims, pick

KAFKA_IMAGE = "confluentinc/cp-kafka:7.9.0"  # testcontainers' start script is written for Confluent's images
CLICKHOUSE_IMAGE = "clickhouse/clickhouse-server:26.9"  # the embedded engine's version
REGISTRY_IMAGE = f"apicurio/apicurio-registry:{apicurio.REGISTRY.version}"
KAFKA_PORT, CLICKHOUSE_PORT, REGISTRY_PORT = 9093, 8123, 8080
ANSWER_SECONDS = 2
READY_SECONDS = 120
USERS_FILE = "/etc/clickhouse-server/users.d/tidegate.xml"
#: As the embedded engine has them. A reader may set limits for itself: readonly=2.
USERS = """\
<clickhouse>
  <profiles><reader><readonly>2</readonly></reader></profiles>
  <users>
    <default replace="replace">
      <password></password><networks><ip>::/0</ip></networks><profile>reader</profile><quota>default</quota>
    </default>
    <writer>
      <password_sha256_hex>{digest}</password_sha256_hex>
      <networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
    </writer>
  </users>
</clickhouse>
"""
#: Settings that say where a node is, which a container knows better.
_PLACE = ("process.", "node.", "controller.", "listener", "advertised.", "inter.", "log.dirs")


def require_docker() -> None:
    """CannotRunError if no daemon answers within two seconds; a `docker` command alone is no sign of one."""
    try:
        with closing(docker.from_env(timeout=ANSWER_SECONDS)) as client:
            client.ping()
    except (DockerException, requests.RequestException) as error:
        raise CannotRunError(
            f"--brokers=containers needs a Docker daemon, but none answers ({type(error).__name__}: {error}). Fix: "
            "start one (DOCKER_HOST says where it is looked for), or choose --brokers=1 or --brokers=3."
        ) from error


def kafka_environment() -> dict[str, str]:
    """The embedded broker's settings as a container's variables, without those that say where a node is."""
    lines = server_properties(Cluster((BrokerAddress(0, 0),)), 0, Path("data")).splitlines()
    settings = (line.split("=", 1) for line in lines if not line.startswith("#"))
    return {f"KAFKA_{name.upper().replace('.', '_')}": text for name, text in settings if not name.startswith(_PLACE)}


class ContainerBroker:
    """Kafka in one container, see tests.backing.Broker."""

    replication_factor = 1

    def __init__(self, container: KafkaContainer) -> None:
        self._container = container
        self.bootstrap: str = container.get_bootstrap_server()

    def kill(self, index: int = 0) -> None:
        """End the container's processes by SIGKILL."""
        one = self._container.get_wrapped_container()
        assert index == 0, f"node {index} was to be killed, but there is one container, 0"
        one.kill(signal="SIGKILL")
        one.wait(timeout=READY_SECONDS)

    def start_again(self, index: int = 0) -> None:
        """Start the container again: its files and its port are still its own."""
        assert index == 0, f"node {index} was to be started, but there is one container, 0"
        self._container.get_wrapped_container().start()
        wait_for_broker(self.bootstrap, READY_SECONDS)

    def wait_in_sync(self) -> None:
        """Wait until every partition has its leader."""
        wait_in_sync(self.bootstrap, READY_SECONDS)


@contextmanager
def kafka(partitions: int) -> Iterator[ContainerBroker]:
    """Run Kafka with Tidegate's topics."""
    claims = PortClaims(default_cache())
    container = KafkaContainer(KAFKA_IMAGE, port=KAFKA_PORT).with_kraft().with_envs(**kafka_environment())
    container.with_bind_ports(KAFKA_PORT, pick(claims))  # a port that Docker picks would change with a restart
    try:
        with container:
            running = ContainerBroker(container)
            wait_for_broker(running.bootstrap, READY_SECONDS)
            create_topics(running.bootstrap, tidegate_topics(partitions))
            yield running
    finally:
        claims.release()


@contextmanager
def clickhouse_server() -> Iterator[ClickHouseAddress]:
    """Run a ClickHouse server: `default` reads without a password, `writer` may do anything."""
    password = secrets.token_hex(16)
    container = ClickHouseContainer(CLICKHOUSE_IMAGE, username="writer", password=password, dbname="default")
    users = USERS.format(digest=hashlib.sha256(password.encode()).hexdigest())
    container.with_env("CLICKHOUSE_SKIP_USER_SETUP", "1").with_copy_into_container(users.encode(), USERS_FILE)
    with container:
        yield ClickHouseAddress(_url(container, CLICKHOUSE_PORT), password)


@contextmanager
def registry_server() -> Iterator[str]:
    """Run a schema registry, and give the base address of its Confluent API."""
    ready = HttpWaitStrategy(REGISTRY_PORT, f"{apicurio.PATH}/subjects").for_status_code(200)
    container = DockerContainer(REGISTRY_IMAGE).with_exposed_ports(REGISTRY_PORT).waiting_for(ready)
    for name in apicurio.DELETION:
        container.with_env(name.upper().replace(".", "_").replace("-", "_"), "true")
    with container:
        yield _url(container, REGISTRY_PORT) + apicurio.PATH


def _url(container: DockerContainer, port: int) -> str:
    return f"http://{container.get_container_host_ip()}:{container.get_exposed_port(port)}"
