"""A ClickHouse with Tidegate's tables, and a client that may write to it. Each test takes a project of its own."""

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import httpx
import pytest

from tidegate_dashboards.reader import Reader
from tidegate_infra.addresses import ClickHouseAddress
from tidegate_sinks import migrate
from tidegate_sinks.clickhouse import Address, connect


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


@pytest.fixture
async def reader(tables: ClickHouseAddress) -> AsyncIterator[Reader]:
    """Reads as the pages do."""
    reader = Reader(tables.url)
    yield reader
    await reader.close()


@pytest.fixture
def project() -> str:
    """A project that no other test writes to."""
    return f"p-{uuid4().hex[:12]}"
