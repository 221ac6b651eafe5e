"""`tidegate dead-letters …`: what could not become an event, for who may see it. What each does is in `run`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from tidegate_infra.settings import load

__all__ = ["Narrowed", "app"]

app = typer.Typer(
    name="dead-letters",
    help="Look at records that could not become events, mend them, send them again, or let them go.",
    no_args_is_help=True,
)

Id = Annotated[str, typer.Argument(help="Id of the letter.")]
Ids = Annotated[list[str] | None, typer.Argument(help="Ids of letters; none: all that the options let through.")]
Reason = Annotated[str, typer.Option(help="Only letters of this reason, such as invalid_field.")]
Project = Annotated[str, typer.Option(help="Only letters of this project.")]
Begin = Annotated[str | None, typer.Option("--from", help="Only letters since then, UTC: a date or a time.")]
End = Annotated[str | None, typer.Option("--to", help="Only letters before then.")]
All = Annotated[bool, typer.Option("--all", help="All letters that wait.")]


@dataclass(frozen=True)
class Narrowed:
    """Which letters somebody asked for, as they said it."""

    ids: tuple[str, ...]
    reason: str
    project: str
    begin: str | None
    end: str | None
    everything: bool = False


@app.command("list")
def list_letters(
    reason: Reason = "",
    project: Project = "",
    begin: Begin = None,
    end: End = None,
    resolved: Annotated[bool, typer.Option("--resolved", help="Also those that were dealt with.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 50,
) -> None:
    """List letters, the newest first. Shows no personal data."""
    from tidegate_infra.dead_letters import run  # noqa: PLC0415 - loads the clients, and polars with the gate's rules

    run.list_letters(load(), Narrowed((), reason, project, begin, end), resolved=resolved, limit=limit)


@app.command()
def show(
    letter_id: Id,
    payload: Annotated[bool, typer.Option("--payload", help="Open it with the gate's private key.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the opened payload there, for `fix`.")] = None,
) -> None:
    """Show one letter: why it was refused and a scrubbed excerpt; with --payload or --out what it holds."""
    from tidegate_infra.dead_letters import run  # noqa: PLC0415 - same

    run.show(load(), letter_id, opened=payload or out is not None, out=out)


@app.command()
def fix(
    letter_id: Id,
    file: Annotated[Path, typer.Argument(help="What it should have been: the edited JSON of `show --out`.")],
) -> None:
    """Send one letter as it was edited. Its event keeps its id and number, so that it counts once."""
    from tidegate_infra.dead_letters import run  # noqa: PLC0415 - same

    _end(run.fix(load(), letter_id, file))


@app.command()
def replay(
    ids: Ids = None,
    reason: Reason = "",
    project: Project = "",
    begin: Begin = None,
    end: End = None,
    everything: All = False,
) -> None:
    """Send letters again as they are: what was wrong is mended here, by a key, a setting or a newer schema."""
    from tidegate_infra.dead_letters import run  # noqa: PLC0415 - same

    _end(run.replay(load(), Narrowed(tuple(ids or ()), reason, project, begin, end, everything)))


@app.command()
def discard(
    ids: Ids = None,
    reason: Reason = "",
    project: Project = "",
    begin: Begin = None,
    end: End = None,
    everything: All = False,
) -> None:
    """Let letters go: their payloads are removed, and the ledger counts them as dropped."""
    from tidegate_infra.dead_letters import run  # noqa: PLC0415 - same

    _end(run.discard(load(), Narrowed(tuple(ids or ()), reason, project, begin, end, everything)))


def _end(well: bool) -> None:
    if not well:
        raise typer.Exit(1)
