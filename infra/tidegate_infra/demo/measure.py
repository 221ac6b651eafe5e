"""Reads, from the running stack, what became of events."""

from __future__ import annotations

from importlib import resources

from clickhouse_connect.driver.client import Client

from tidegate_infra.demo.summary import Account, Aggregate


def sql(name: str) -> str:
    """One of this package's queries."""
    return resources.files("tidegate_infra.demo").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8")


def account(client: Client, project: str) -> Account:
    """What the pipeline did with a project's events, up to now."""
    rows = client.query(sql("account"), parameters={"project": project}).result_rows
    return Account.of({(str(outcome), str(reason)): int(number) for outcome, reason, number in rows})


def aggregates(client: Client, project: str, since_micros: int) -> list[Aggregate]:
    """What each aggregate counts beside what the archive holds, from the quarter of an hour of a time on."""
    parameters = {"project": project, "since": since_micros}
    rows = client.query(sql("aggregates"), parameters=parameters).result_rows
    return [Aggregate(str(name), float(counted or 0), float(archived or 0)) for name, counted, archived in rows]


def arrived(client: Client, project: str, since_micros: int) -> dict[str, int]:
    """What was inserted since a time: 1 by event id, the number of points by their time in microseconds."""
    parameters = {"project": project, "since": since_micros}
    rows = client.query(sql("arrived"), parameters=parameters).result_rows
    return {str(key): int(number) for key, number in rows}


def freshness_p95_seconds(client: Client, project: str, since_micros: int) -> float | None:
    """From `occurred_at` of product events (the call) to their insert; None without any since then."""
    parameters = {"project": project, "since": since_micros}
    number, p95 = client.query(sql("freshness"), parameters=parameters).result_rows[0]
    return float(p95) if number else None
