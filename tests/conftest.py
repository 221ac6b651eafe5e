"""Session fixtures that start the real thing once: a broker and a ClickHouse, each in a temporary home."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tidegate_infra.addresses import ClickHouseAddress
from tidegate_infra.broker import fixture as broker_fixture
from tidegate_infra.clickhouse import fixture as clickhouse_fixture
from tidegate_sinks import migrate
from tidegate_sinks.clickhouse import Address, connect


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bootstrap address of an embedded broker that has Tidegate's topics."""
    home: Path = tmp_path_factory.mktemp("broker")
    with broker_fixture.start(home) as running:
        yield running.bootstrap


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseAddress]:
    """Address of an embedded ClickHouse without tables, with the password of its user `writer`."""
    home: Path = tmp_path_factory.mktemp("clickhouse")
    with clickhouse_fixture.start(home) as running:
        yield ClickHouseAddress(running.url, running.writer_password)


@pytest.fixture(scope="session")
def tables(clickhouse: ClickHouseAddress) -> ClickHouseAddress:
    """The session's ClickHouse, migrated."""
    migrate.apply(connect(Address(clickhouse.url, "writer", clickhouse.writer_password)))
    return clickhouse


@pytest.fixture
def writer(tables: ClickHouseAddress) -> Iterator[httpx.Client]:
    """Writes rows; see `tidegate_dashboards.sample.insert`."""
    with httpx.Client(base_url=tables.url, auth=("writer", tables.writer_password), timeout=30) as client:
        yield client
