"""`tidegate privacy detect`: the hard kinds, names and addresses in prose, looked for in what is stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from tidegate_infra.settings import Settings, load

__all__ = ["add_to", "look"]

DAYS = 7


def add_to(app: typer.Typer) -> None:
    """Give the command to `tidegate privacy`."""
    app.command()(detect)


def detect(
    project: Annotated[str, typer.Option(help="Project whose events are looked at.")] = "default",
    since: Annotated[
        str | None, typer.Option(help=f"Look at events received since then, as in 2026-11-27; unset: {DAYS} days.")
    ] = None,
    rows: Annotated[int, typer.Option(min=1, max=100_000, help="Events of each kind, drawn at random.")] = 500,
    confidence: Annotated[float, typer.Option(min=0, max=1, help="Tell of findings at least so sure.")] = 0.4,
) -> None:
    """Say where stored texts hold names, addresses and other personal data, and show none. Needs tidegate[presidio]."""
    from tidegate_infra.rebuild.command import moment  # noqa: PLC0415 - loads polars

    begin = moment(since, "--since") if since else datetime.now(UTC) - timedelta(days=DAYS)
    look(load(), project, begin, rows, confidence)


def look(settings: Settings, project: str, since: datetime, rows: int, least: float) -> None:
    """Sample, detect, print. Raises DetectorError, UnavailableError."""
    from clickhouse_connect.driver.exceptions import ClickHouseError  # noqa: PLC0415 - loads the clients, as do these

    from tidegate_infra.errors import UnavailableError  # noqa: PLC0415
    from tidegate_infra.keys import ensure_keys  # noqa: PLC0415
    from tidegate_infra.privacy.detect.detector import presidio  # noqa: PLC0415
    from tidegate_infra.privacy.detect.findings import detected, listed  # noqa: PLC0415
    from tidegate_infra.privacy.detect.texts import sampled  # noqa: PLC0415
    from tidegate_infra.runtime import addresses  # noqa: PLC0415
    from tidegate_sinks import clickhouse  # noqa: PLC0415

    detector = presidio()
    where = addresses(settings)
    address = clickhouse.Address(where.clickhouse_url, "writer", ensure_keys(settings).clickhouse_password)
    try:
        texts = sampled(clickhouse.connect(address), project, since, rows)
    except ClickHouseError as error:
        raise UnavailableError(
            f"tables at {where.clickhouse_url} can't be looked at: {str(error).splitlines()[0][:150]}. Fix: start this "
            "home's stack (`tidegate up`; TIDEGATE_HOME), and set TIDEGATE_CLICKHOUSE_URL if ClickHouse is yours"
        ) from error
    findings = detected(texts, detector, least)
    for line in listed(findings) if findings else ():
        typer.echo(line)
    told = (
        f"{sum(texts.values())} texts of project {project} since {since.astimezone(UTC):%Y-%m-%d %H:%M} UTC looked at"
    )
    typer.echo(f"{told}: {len(findings)} findings" if texts else f"{told}: there are none")
    if findings:
        typer.echo(
            "A detector guesses: it misses a quarter of names, and takes some words for names (docs/privacy-test.md). "
            "Stop sending what is really personal, or name the property in privacy.toml (docs/privacy-rules.md)."
        )
