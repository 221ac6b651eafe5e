"""Session fixtures that start the real thing once: a broker and a ClickHouse, each in a temporary home.

`--brokers` says what these two are; see tests/backing.py.
"""

from collections.abc import Iterator
from pathlib import Path

import httpx
import hypothesis
import pytest
from tests import backing

from tidegate_infra.addresses import ClickHouseAddress
from tidegate_infra.clickhouse import fixture as clickhouse_fixture
from tidegate_sinks import migrate
from tidegate_sinks.clickhouse import Address, connect

# How long an example takes says how busy the machine is: speed is measured by `make bench` alone.
hypothesis.settings.register_profile("tidegate", deadline=None)
hypothesis.settings.load_profile("tidegate")


def pytest_addoption(parser: pytest.Parser) -> None:
    """One option for all fixtures."""
    parser.addoption(
        "--brokers",
        choices=backing.CHOICES,
        default=backing.CHOICES[0],
        help="what tests run on: one embedded broker, three of which one may die, or Kafka, ClickHouse and a schema "
        "registry in containers (needs a Docker daemon)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse containers before anything runs."""
    try:
        backing.choose(config.getoption("--brokers"))
    except backing.CannotRunError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts whole stacks comes first, so that no process is left alone with a long file at the end."""
    items.sort(key=lambda item: -sum(item.get_closest_marker(name) is not None for name in ("broker", "clickhouse")))


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bootstrap addresses of a broker that has Tidegate's topics."""
    home: Path = tmp_path_factory.mktemp("broker")
    with backing.broker(home) as running:
        yield running.bootstrap


@pytest.fixture(scope="session")
def embedded_clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseAddress]:
    """Address of an embedded ClickHouse without tables, whatever the others run on: for tests of the engine itself."""
    with clickhouse_fixture.start(tmp_path_factory.mktemp("clickhouse")) as running:
        yield ClickHouseAddress(running.url, running.writer_password)


@pytest.fixture(scope="session")
def clickhouse(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseAddress]:
    """Address of a ClickHouse without tables, with the password of its user `writer`."""
    if request.config.getoption("--brokers") != "containers":
        yield request.getfixturevalue("embedded_clickhouse")  # one engine is enough
    else:
        with backing.clickhouse(tmp_path_factory.mktemp("server")) as address:
            yield address


@pytest.fixture(scope="session")
def schema_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base address of a real schema registry with Confluent's API."""
    with backing.registry(tmp_path_factory.mktemp("registry")) as url:
        yield url


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
