"""The demo for some seconds: what the views say is what the visitors know that they did."""

import asyncio
import math
from collections.abc import Mapping
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from tidegate_infra.demo.run import Demo, Outcome
from tidegate_infra.settings import Settings
from tidegate_infra.up import RunningStack
from tidegate_sinks.clickhouse import Address, connect

SECONDS = 12.0
ACCURACY = 0.01
SERVER_ERROR = "500"


class Answers:
    """What the views said at the end of a run."""

    def __init__(self) -> None:
        self.events: dict[str, int] = {}
        self.agents: dict[str, tuple[int, int, int]] = {}
        self.endpoints: dict[str, tuple[int, int]] = {}
        self.exceptions = 0
        self.persons = 0
        self.quantiles: dict[str, tuple[float, float, float]] = {}
        self.health: dict[str, str] = {}
        self.queries: set[str] = set()
        self.pool: tuple[float, float] = (0, 0)
        self.memory_bytes = 0.0

    def read(self, client: Client) -> None:
        def rows(sql: str) -> list[Any]:
            return list(client.query(sql).result_rows)

        self.events = dict(rows("SELECT name, count() FROM analytics.events GROUP BY name"))
        self.agents = {
            agent: (int(installs), int(runs), int(failures))
            for agent, installs, runs, failures in rows(
                "SELECT agent, sum(installs), sum(runs), sum(failures) FROM analytics.agent_use GROUP BY agent"
            )
        }
        self.endpoints = {
            endpoint: (int(requests), int(errors))
            for endpoint, requests, errors in rows(
                "SELECT concat(method, ' ', route) AS endpoint, sum(requests), sum(server_errors) "
                "FROM analytics.endpoint_errors WHERE route != '' GROUP BY endpoint"
            )
        }
        ((self.exceptions,),) = rows("SELECT count() FROM analytics.errors WHERE route = '/agents/{slug}/runs'")
        ((self.persons,),) = rows("SELECT uniqExact(person) FROM analytics.activity WHERE project = 'default'")
        self.quantiles = {
            endpoint: (p50, p95, p99)
            for endpoint, p50, p95, p99 in rows(
                "SELECT concat(method, ' ', route) AS endpoint, "
                "tidegateQuantile(sumMap(sketch.1, sketch.2) AS s, 0.5), "
                "tidegateQuantile(s, 0.95), tidegateQuantile(s, 0.99) FROM analytics.endpoint_latency GROUP BY endpoint"
            )
        }
        self.health = dict(
            rows("SELECT concat(method, ' ', route), state FROM analytics.endpoint_health WHERE route != ''")
        )
        self.queries = {row[0] for row in rows("SELECT DISTINCT statement FROM analytics.query_performance")}
        ((used, most),) = rows("SELECT max(used), max(max) FROM analytics.pool_use WHERE pool = 'marketplace'")
        self.pool = (used, most)
        ((self.memory_bytes,),) = rows(
            "SELECT max(memory_bytes) FROM analytics.resources WHERE service = 'marketplace'"
        )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Answers]:
    answers, said = Answers(), list[str]()

    async def inspect(stack: RunningStack, _: Outcome) -> None:
        client = await asyncio.to_thread(connect, Address(stack.where.clickhouse_url))
        await asyncio.to_thread(answers.read, client)

    settings = Settings(home=tmp_path_factory.mktemp("demo"))
    outcome = asyncio.run(Demo(settings, said.append, SECONDS, inspect=inspect).run())
    return outcome, answers


def nearest_rank(values: list[float], share: float) -> float:
    return sorted(values)[max(1, math.ceil(share * len(values))) - 1]


@pytest.mark.broker
@pytest.mark.clickhouse
@pytest.mark.timeout(300)
class TestDemo:
    def test_every_event_sent_is_accounted_for_once(self, run: tuple[Outcome, Answers]) -> None:
        summary = run[0].summary
        assert summary.sent > 500
        assert summary.as_json() | {"missing": 0, "in_flight": 0} == summary.as_json()
        assert summary.balances

    def test_no_event_of_its_healthy_traffic_was_refused(self, run: tuple[Outcome, Answers]) -> None:
        assert run[0].summary.account.refused == {}
        assert run[0].summary.is_well

    def test_registrations_and_logins_are_those_of_the_visitors(self, run: tuple[Outcome, Answers]) -> None:
        outcome, answers = run
        assert answers.events["user_registered"] == outcome.record["registrations"] > 0
        assert answers.events["user_logged_in"] == outcome.record["logins"]

    def test_installs_runs_and_failures_are_those_of_the_visitors(self, run: tuple[Outcome, Answers]) -> None:
        outcome, answers = run
        record = outcome.record
        truth = {
            agent: (record["installs"].get(agent, 0), record["runs"].get(agent, 0), record["failed_runs"].get(agent, 0))
            for agent in record["installs"]
        }
        assert answers.agents == truth

    def test_requests_and_errors_by_endpoint_are_those_of_the_visitors(self, run: tuple[Outcome, Answers]) -> None:
        outcome, answers = run
        failed = outcome.record["statuses"].get(SERVER_ERROR, 0)
        truth: Mapping[str, int] = outcome.record["requests"]
        assert {endpoint: requests for endpoint, (requests, _) in answers.endpoints.items()} == truth
        assert answers.endpoints["POST /agents/{slug}/runs"][1] == failed
        assert answers.exceptions == failed

    def test_a_visitor_on_two_devices_is_one_person(self, run: tuple[Outcome, Answers]) -> None:
        outcome, answers = run
        assert outcome.record["unanswered"] == 0
        assert outcome.record["visitors"] > outcome.record["persons"]
        assert answers.persons == outcome.record["persons"]

    def test_percentiles_are_within_one_percent_of_the_exact_ones(self, run: tuple[Outcome, Answers]) -> None:
        outcome, answers = run
        assert answers.quantiles.keys() == outcome.sites["seconds"].keys()
        for endpoint, seconds in outcome.sites["seconds"].items():
            exact = [nearest_rank(seconds, share) for share in (0.5, 0.95, 0.99)]
            assert answers.quantiles[endpoint] == pytest.approx(exact, rel=ACCURACY * 1.001)

    def test_health_queries_pool_and_memory_have_answers(self, run: tuple[Outcome, Answers]) -> None:
        _, answers = run
        assert set(answers.health.values()) <= {"ok", "degraded", "down"}
        assert {"SELECT agents", "INSERT accounts"} <= answers.queries
        assert 0 <= answers.pool[0] <= answers.pool[1] == 14
        assert answers.memory_bytes > 10_000_000
