"""The choice of what tests run on: one that can't be had is refused at once, and says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.containers import kafka_environment
from tests.integration.infra.docker_daemon import Daemon

SOME_TESTS = "tests/unit/infra/test_jars.py"


@pytest.fixture
def daemon() -> Iterator[str]:
    with Daemon() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.url
        server.shutdown()


def collected(choice: str, docker_host: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--collect-only", "-q", choice, SOME_TESTS]
    environment = os.environ | {"DOCKER_HOST": docker_host}
    return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_containers_without_a_docker_daemon_are_refused_with_the_way_out(tmp_path: Path) -> None:
    refused = collected("--brokers=containers", f"unix://{tmp_path}/docker.sock")
    assert refused.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--brokers=containers needs a Docker daemon, but none answers (DockerException" in refused.stderr
    assert "choose --brokers=1 or --brokers=3" in refused.stderr


def test_control_containers_with_a_docker_daemon_are_taken(daemon: str) -> None:
    taken = collected("--brokers=containers", daemon)
    assert taken.returncode == pytest.ExitCode.OK, taken.stderr


def test_a_choice_that_is_none_is_refused_with_those_there_are() -> None:
    refused = collected("--brokers=2", "")
    assert refused.returncode == pytest.ExitCode.USAGE_ERROR
    assert "invalid choice: '2'" in refused.stderr
    assert "containers" in refused.stderr


def test_a_container_gets_the_embedded_brokers_settings_but_its_own_place() -> None:
    given = kafka_environment()
    assert given["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert given["KAFKA_MESSAGE_MAX_BYTES"] == str(16 << 20)
    assert given["KAFKA_TRANSACTION_STATE_LOG_MIN_ISR"] == "1"
    assert not [name for name in given if "LISTENER" in name or "NODE" in name or "VOTERS" in name]
