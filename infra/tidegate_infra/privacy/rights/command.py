"""`tidegate privacy erase|export|status`: what each does is in `run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate_infra.settings import load

__all__ = ["add_to"]

Project = Annotated[str, typer.Option(help="Project whose events are meant.")]
UserId = Annotated[str | None, typer.Option(help="The application's id of the user; - asks for it, unseen.")]
AnonymousId = Annotated[str | None, typer.Option(help="Id of a device; - asks for it, unseen.")]


def add_to(app: typer.Typer) -> None:
    """Give these commands to `tidegate privacy`."""
    app.command()(erase)
    app.command()(erase_withdrawn)
    app.command()(export)
    app.command()(status)


def erase(
    project: Project = "default",
    user_id: UserId = None,
    anonymous_id: AnonymousId = None,
    receipt: Annotated[str | None, typer.Option(help="Go on with the erasure of this receipt.")] = None,
    cut_topics: Annotated[
        bool, typer.Option("--cut-topics", help="Let Kafka forget now, of all people, what is stored: for everybody.")
    ] = False,
) -> None:
    """Erase a person's events everywhere, their devices' with them; prints a receipt. The worker must run."""
    from tidegate_infra.privacy.rights import run  # noqa: PLC0415 - loads the clients and polars

    run.erase(load(), run.Whom(project, user_id, anonymous_id), receipt, cut=cut_topics)


def erase_withdrawn() -> None:
    """Erase those who asked for it as they withdrew their consent; prints their receipts. The worker must run."""
    from tidegate_infra.privacy.rights import run  # noqa: PLC0415 - loads the clients and polars

    run.erase_withdrawn(load())


def export(
    out: Annotated[Path, typer.Option(help="File to write, as JSON lines; it must not exist.")],
    project: Project = "default",
    user_id: UserId = None,
    anonymous_id: AnonymousId = None,
) -> None:
    """Write all that is held on a person to a file, for the person."""
    from tidegate_infra.privacy.rights import run  # noqa: PLC0415 - same

    run.export(load(), run.Whom(project, user_id, anonymous_id), out)


def status(receipt: Annotated[str | None, typer.Argument(help="Id of a receipt; none: the latest 50.")] = None) -> None:
    """Show what became of erasures, and of what is left when it will be gone."""
    from tidegate_infra.privacy.rights import run  # noqa: PLC0415 - same

    run.status(load(), receipt)
