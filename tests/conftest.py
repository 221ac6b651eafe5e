"""Session fixtures that start the real thing once: a broker and a ClickHouse, each in a temporary home."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate_infra.broker import fixture as broker_fixture


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bootstrap address of an embedded broker that has Tidegate's topics."""
    home: Path = tmp_path_factory.mktemp("broker")
    with broker_fixture.start(home) as running:
        yield running.bootstrap
