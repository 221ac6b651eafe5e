"""The command `tidegate`. Every option is a setting: see `tidegate settings` or docs/settings.md."""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tidegate_infra.allocators import missing
from tidegate_infra.dead_letters.command import app as dead_letters
from tidegate_infra.privacy.command import app as privacy
from tidegate_infra.settings import Settings, load
from tidegate_schemas.errors import TidegateError

__all__ = ["app", "main"]

app = typer.Typer(
    name="tidegate",
    help="Product analytics, error tracking and performance monitoring on Kafka, Faust and ClickHouse.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(dead_letters)
app.add_typer(privacy)


def main() -> None:
    """Run the command; what Tidegate raises on purpose is one line, without a stack."""
    try:
        app()
    except TidegateError as error:
        sys.stderr.write(f"tidegate: {error}\n")
        raise SystemExit(1) from None


@app.command()
def up() -> None:
    """Run the whole stack until Ctrl-C: broker, ClickHouse, gateway, worker, dashboard, alerts."""
    from tidegate_infra.up import up as run_up  # noqa: PLC0415 - only this command needs it

    asyncio.run(run_up(load(), _console()))


@app.command()
def demo(
    seconds: Annotated[
        float | None, typer.Option(envvar="DEMO_SECONDS", help="Stop after so many seconds; unset: at Ctrl-C.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", envvar="DEMO_JSON", help="Write the summary there, as JSON.")
    ] = None,
    chaos: Annotated[
        bool, typer.Option("--chaos", envvar="CHAOS", help="Kill a random process of the stack every few seconds.")
    ] = False,
    chaos_seed: Annotated[
        int | None, typer.Option(envvar="CHAOS_SEED", help="Replay the order of victims of an earlier run.")
    ] = None,
) -> None:
    """Run the stack with a demo marketplace and live traffic; fails unless every event is accounted for and taken."""
    from tidegate_infra.demo import demo as run_demo  # noqa: PLC0415 - only this command needs it
    from tidegate_infra.demo.chaos import new_seed  # noqa: PLC0415 - same

    seed = None if not chaos else new_seed() if chaos_seed is None else chaos_seed
    if not run_demo(load(), _console(), seconds, json_file, seed):
        raise typer.Exit(1)


@app.command()
def install() -> None:
    """Fetch what the embedded stack needs, so that starting it needs no network; does nothing the second time."""
    from tidegate_infra.broker.aot import ensure_archive  # noqa: PLC0415 - only this command needs it
    from tidegate_infra.browser_bundle import ensure_bundle  # noqa: PLC0415 - same
    from tidegate_infra.errors import BundleError  # noqa: PLC0415 - same

    cache, say = load().cache, _console()
    ensure_archive(cache, say)
    try:
        ensure_bundle(cache, say)
    except BundleError as error:  # all but /tidegate.js works without
        say(str(error))


@app.command()
def migrate() -> None:
    """Create the topics that the broker lacks and apply the migrations that ClickHouse lacks."""
    from tidegate_infra.keys import ensure_keys  # noqa: PLC0415 - only this command needs it
    from tidegate_infra.provision import provide_tables, provide_topics  # noqa: PLC0415 - same
    from tidegate_infra.runtime import addresses  # noqa: PLC0415 - same

    settings = load()
    where = addresses(settings)
    provide_topics(settings, where)
    applied = provide_tables(where, ensure_keys(settings), settings.retention_days)
    typer.echo("applied " + ", ".join(applied) if applied else "nothing to apply: the tables are current")


@app.command()
def doctor() -> None:
    """Say what is wrong with this machine, this home and the stack that runs there, and how to fix it."""
    from tidegate_infra.doctor import Verdict, examine, render  # noqa: PLC0415 - only this command needs it

    found = []
    for finding in examine(load()):
        found.append(finding)
        for line in render([finding]):
            typer.echo(line)
    if any(finding.verdict is Verdict.WRONG for finding in found):
        raise typer.Exit(1)


@app.command()
def trace(event_id: Annotated[str, typer.Argument(help="Id of the event, a UUID.")]) -> None:
    """Show every hop of one event: offsets, what the gate changed and why, its rows. Prints no personal data."""
    from tidegate_infra.keys import ensure_keys  # noqa: PLC0415 - only this command needs it
    from tidegate_infra.privacy.keys import sealing_keys  # noqa: PLC0415 - same
    from tidegate_infra.provision import provide_registry  # noqa: PLC0415 - same
    from tidegate_infra.runtime import addresses  # noqa: PLC0415 - same
    from tidegate_infra.trace import trace as hops  # noqa: PLC0415 - same
    from tidegate_sinks import clickhouse  # noqa: PLC0415 - loads the client

    current = load()
    where = addresses(current)
    address = clickhouse.Address(where.clickhouse_url, "writer", ensure_keys(current).clickhouse_password)
    for line in hops(where, clickhouse.connect(address), event_id, sealing_keys(current), provide_registry(current)):
        typer.echo(line)


@app.command()
def rebuild(
    begin: Annotated[str, typer.Option("--from", help="Begin, UTC: a date or a time such as 2026-11-23T10:00.")],
    end: Annotated[str, typer.Option("--to", help="End, exclusive; at the latest now less the lateness.")],
    agent: Annotated[list[str] | None, typer.Option(help="Aggregate to rebuild, such as sessions; unset: all.")] = None,
) -> None:
    """Compute closed windows anew from the archive, beside live traffic; removes rows that no event made."""
    from tidegate_infra.rebuild.command import run  # noqa: PLC0415 - loads polars

    run(load(), begin, end, agent or [], datetime.now(UTC))


@app.command()
def reconcile(
    begin: Annotated[str | None, typer.Option("--from", help="Begin, UTC; unset: a day ago.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="End, exclusive; unset: now. Open windows stay out.")] = None,
) -> None:
    """Hold closed windows against the archive; exit code 1 if they differ, with the command that repairs them."""
    from tidegate_infra.reconcile import run  # noqa: PLC0415 - loads the client

    if not run(load(), begin, end, datetime.now(UTC)):
        raise typer.Exit(1)


@app.command()
def grafana(folder: Annotated[Path, typer.Argument(help="Folder for the provisioning files; made if absent.")]) -> None:
    """Write Grafana's data source and dashboard as provisioning files."""
    from tidegate_dashboards.grafana import write  # noqa: PLC0415 - only this command needs it
    from tidegate_infra.runtime import addresses  # noqa: PLC0415 - same

    for path in write(folder, addresses(load()).clickhouse_url, mounted_at=str(folder.absolute())):
        typer.echo(str(path))


@app.command()
def schemas(folder: Annotated[Path, typer.Argument(help="Folder for the schema files; made if absent.")]) -> None:
    """Write the Avro schemas of raw topics and sealed records, for producers of your own (docs/edges/kafka.md)."""
    from tidegate_schemas.publication import publish  # noqa: PLC0415 - only this command needs it

    for path in publish(folder, load().generation):
        typer.echo(str(path))


@app.command()
def settings() -> None:
    """Show every setting of this home, secrets aside."""
    current = load()
    for name, field in Settings.model_fields.items():
        value = getattr(current, name)
        typer.echo(f"{name} = {'(hidden)' if value is not None and not field.repr else value}")


def _service_command(name: str, what: str) -> None:
    def run() -> None:
        from tidegate_infra.services import run_service  # noqa: PLC0415 - rooms load only where they run

        if lacking := missing(os.environ):  # an allocator reads them once, as the process starts
            os.execve(sys.executable, sys.orig_argv, {**os.environ, **lacking})  # noqa: S606 - ourselves
        run_service(load(), name)

    app.command(name, help=f"Run {what} alone, until Ctrl-C.")(run)


for _name, _what in (
    ("broker", "the embedded Kafka broker"),
    ("clickhouse", "the embedded ClickHouse"),
    ("gateway", "the HTTP gateway"),
    ("worker", "the Faust worker"),
    ("dashboard", "the dashboard"),
    ("alerts", "the alert evaluator"),
):
    _service_command(_name, _what)


def _console() -> Callable[[str], None]:
    """Lines with the seconds since the start; plain ones where there is nothing to time."""
    began = time.monotonic()

    def say(line: str) -> None:
        stamp = f"{time.monotonic() - began:6.1f} s  " if line and not line.startswith((" ", "First", "Ctrl-C")) else ""
        sys.stdout.write(f"{stamp}{line}\n")
        sys.stdout.flush()

    return say
