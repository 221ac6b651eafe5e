"""The containers that `--brokers=containers` starts, before a stand-in for Docker whose containers run on this machine.

No Docker runs where this was written: what is seen is that every call fits the API, and what the images are given.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

import httpx
import pytest
from testcontainers.core.config import ConnectionMode, testcontainers_config
from tests import containers
from tests.integration.infra.docker_daemon import Daemon

from tidegate_infra.addresses import ClickHouseAddress
from tidegate_infra.broker import fixture
from tidegate_infra.broker.topics import partition_counts
from tidegate_schemas.registry import RegistryClient

Serve = Callable[[Daemon], Daemon]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    monkeypatch.setattr(testcontainers_config, "ryuk_disabled", True)
    monkeypatch.setattr(testcontainers_config, "connection_mode_override", ConnectionMode.docker_host)
    with ExitStack() as running:

        def begin(daemon: Daemon) -> Daemon:
            running.enter_context(daemon)
            threading.Thread(target=daemon.serve_forever, args=(0.01,), daemon=True).start()
            running.callback(daemon.shutdown)
            monkeypatch.setenv("DOCKER_HOST", daemon.url)
            return daemon

        yield begin


def port_of(url: str) -> int:
    return urlsplit(url).port or 0


@pytest.mark.broker
def test_kafka_in_a_container_is_killed_and_started_where_it_was(serve: Serve, tmp_path: Path) -> None:
    with fixture.start(tmp_path) as embedded:
        port = port_of(f"//{embedded.bootstrap}")
        daemon = serve(Daemon(port, "Kafka Server started", {"kill": embedded.kill}))
        with containers.kafka(2) as broker:
            daemon.on["start"] = embedded.start_again
            assert broker.bootstrap == embedded.bootstrap
            assert partition_counts(broker.bootstrap)["raw.track"] == 2
            broker.kill()
            assert not embedded.nodes[0].alive
            broker.start_again()
            broker.wait_in_sync()
    assert daemon.calls == ["create", "start", "kill", "wait", "start", "remove"]
    (bound,) = daemon.created["HostConfig"]["PortBindings"]["9093/tcp"]
    assert 20_000 <= int(bound["HostPort"]) < 32_000
    assert {"KAFKA_AUTO_CREATE_TOPICS_ENABLE=false", "KAFKA_PROCESS_ROLES=broker,controller"} <= {
        *daemon.created["Env"]
    }
    assert f"PLAINTEXT://127.0.0.1:{port}" in daemon.files["/tc-start.sh"].decode()


@pytest.mark.clickhouse
def test_clickhouse_in_a_container_has_the_embedded_engines_users(
    serve: Serve, embedded_clickhouse: ClickHouseAddress
) -> None:
    daemon = serve(Daemon(port_of(embedded_clickhouse.url)))
    with containers.clickhouse_server() as address:
        assert address.url == embedded_clickhouse.url
        assert httpx.get(address.url, params={"query": "SELECT 1"}).text == "1\n"
    users = ElementTree.fromstring(daemon.files[containers.USERS_FILE])
    digest = hashlib.sha256(address.writer_password.encode()).hexdigest()
    assert users.findtext("users/writer/password_sha256_hex") == digest
    assert users.findtext("users/default/password") == ""
    assert users.findtext(f"profiles/{users.findtext('users/default/profile')}/readonly") == "2"
    assert "CLICKHOUSE_SKIP_USER_SETUP=1" in daemon.created["Env"]
    assert daemon.calls[-1] == "remove"


@pytest.mark.registry
def test_a_registry_in_a_container_is_reached_by_its_confluent_api(serve: Serve, schema_registry: str) -> None:
    daemon = serve(Daemon(port_of(schema_registry)))
    with containers.registry_server() as url:
        assert url == schema_registry
        assert RegistryClient(url).definition(2**31 - 1) is None
    assert "APICURIO_REST_DELETION_ARTIFACT_ENABLED=true" in daemon.created["Env"]
    assert daemon.calls == ["create", "start", "remove"]
