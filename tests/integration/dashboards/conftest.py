"""A ClickHouse with Tidegate's tables, and a client that may write to it. Each test takes a project of its own."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from tidegate_dashboards.reader import Reader
from tidegate_infra.addresses import ClickHouseAddress


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
