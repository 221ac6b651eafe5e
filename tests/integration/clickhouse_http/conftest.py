"""The embedded ClickHouse as two people see it: a reader without a password, and the writer."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import httpx
import pytest

from tidegate_infra.addresses import ClickHouseAddress


@pytest.fixture(scope="session")
def clickhouse(embedded_clickhouse: ClickHouseAddress) -> ClickHouseAddress:
    return embedded_clickhouse


@pytest.fixture(scope="module")
def reader(clickhouse: ClickHouseAddress) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=clickhouse.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def owner(clickhouse: ClickHouseAddress) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=clickhouse.url, auth=("writer", clickhouse.writer_password), timeout=60) as client:
        yield client


@pytest.fixture
def database(owner: httpx.Client) -> Iterator[str]:
    """A database of this test's own."""
    name = f"d_{uuid.uuid4().hex}"
    owner.post("/", content=f"CREATE DATABASE {name}").raise_for_status()
    yield name
    owner.post("/", content=f"DROP DATABASE {name}").raise_for_status()
