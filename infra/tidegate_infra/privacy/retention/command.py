"""`tidegate privacy report`: what is kept, why and for how long, and how old the oldest of it is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tidegate_infra.settings import Settings, load

__all__ = ["add_to", "produce"]


def add_to(app: typer.Typer) -> None:
    """Give the command to `tidegate privacy`."""
    app.command()(report)


def report(
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the record there too, as JSON.")] = None,
) -> None:
    """Print the record of processing with what is measured; exit code 1 if something is older than its policy."""
    if not produce(load(), json_file, datetime.now(UTC)):
        raise typer.Exit(1)


def produce(settings: Settings, json_file: Path | None, now: datetime) -> bool:
    """Print the record; whether all is as the policies say. Raises UnavailableError."""
    from clickhouse_connect.driver.exceptions import ClickHouseError  # noqa: PLC0415 - loads the clients, as do these

    from tidegate_infra.errors import UnavailableError  # noqa: PLC0415
    from tidegate_infra.keys import ensure_keys  # noqa: PLC0415
    from tidegate_infra.privacy.retention.record import measure  # noqa: PLC0415
    from tidegate_infra.privacy.retention.report import as_json, as_markdown  # noqa: PLC0415
    from tidegate_infra.runtime import addresses  # noqa: PLC0415
    from tidegate_sinks import clickhouse  # noqa: PLC0415

    where = addresses(settings)
    address = clickhouse.Address(where.clickhouse_url, "writer", ensure_keys(settings).clickhouse_password)
    try:
        record = measure(settings, clickhouse.connect(address), where.brokers, now)
    except ClickHouseError as error:
        said = str(error).splitlines()[0][:150]
        raise UnavailableError(
            f"tables at {where.clickhouse_url} can't be looked at: {said}. Fix: start this home's "
            "stack (`tidegate up`; TIDEGATE_HOME), and set TIDEGATE_CLICKHOUSE_URL if ClickHouse is yours"
        ) from error
    for line in as_markdown(record):
        typer.echo(line)
    if json_file is not None:
        json_file.write_text(as_json(record), encoding="utf-8")
    return not record.findings
