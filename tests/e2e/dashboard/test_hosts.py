"""The web app needs no password on its own machine, so a page elsewhere must not get at it by a borrowed name."""

import httpx
import pytest
from tests.e2e.dashboard.conftest import Dashboard

pytestmark = pytest.mark.clickhouse


@pytest.mark.parametrize("path", ["/", "/start", "/healthz", "/export/dau.csv"])
def test_a_request_under_another_name_is_refused(dashboard: Dashboard, path: str) -> None:
    answer = httpx.get(dashboard.url + path, headers={"host": "evil.example:8301"}, timeout=10)
    assert (answer.status_code, answer.text) == (400, "Invalid host header")


@pytest.mark.parametrize("host", ["localhost:8301", "127.0.0.1"])
def test_the_names_of_this_machine_are_fine(dashboard: Dashboard, host: str) -> None:
    assert httpx.get(f"{dashboard.url}/healthz", headers={"host": host}, timeout=10).status_code == 200
