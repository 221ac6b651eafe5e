"""Which errors a writer tries again after."""

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, DataError, OperationalError, ProgrammingError

from tidegate_sinks.writer import passes

SERVER = "Received ClickHouse exception, code: {code}, server response: Code: {code}. DB::Exception: …"


@pytest.mark.parametrize("code", [159, 202, 210, 236, 241, 252, 394])
def test_timeouts_load_memory_parts_and_a_shutdown_pass(code: int) -> None:
    assert passes(DatabaseError(SERVER.format(code=code)))


@pytest.mark.parametrize("code", [16, 47, 53, 60, 117, 164, 497, 516])
def test_wrong_rows_names_and_rights_do_not(code: int) -> None:
    assert not passes(DatabaseError(SERVER.format(code=code)))


@pytest.mark.parametrize(
    "error",
    [OperationalError("Error HTTPConnectionPool(…): Connection refused"), ConnectionResetError(), TimeoutError()],
)
def test_a_network_that_fails_passes(error: Exception) -> None:
    assert passes(error)


def test_a_proxy_without_a_server_behind_it_passes() -> None:
    assert passes(DatabaseError("HTTP driver received HTTP status 502, server response: Bad Gateway"))


@pytest.mark.parametrize("error", [DataError("no such type"), ProgrammingError("no such column")])
def test_what_the_client_itself_refuses_does_not(error: Exception) -> None:
    assert not passes(error)
