"""The commands `tidegate privacy …`."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tidegate_infra.errors import InfraError
from tidegate_infra.privacy.detect.command import add_to as add_detect
from tidegate_infra.privacy.retention.command import add_to as add_report
from tidegate_infra.privacy.rights.command import add_to
from tidegate_infra.settings import load

__all__ = ["app"]

app = typer.Typer(
    name="privacy", help="What happens to personal data, and the rights of those it is about.", no_args_is_help=True
)


@app.command()
def keys() -> None:
    """List the epochs of pseudonym keys: since when each holds, and when it goes. Shows no key."""
    from tidegate_infra.privacy.rotation import describe  # noqa: PLC0415 - loads polars with the gate

    for line in describe(load()):
        typer.echo(line)


@app.command()
def check(
    file: Annotated[Path | None, typer.Argument(help="A file of rules; unset: the one that workers read.")] = None,
) -> None:
    """Say whether the file of privacy rules can be used; exit code 1 with each line that is wrong."""
    from tidegate_infra.privacy.check import checked  # noqa: PLC0415 - loads polars

    for line in checked(file or load().privacy_rules_file):
        typer.echo(line)


@app.command()
def rotate() -> None:
    """Begin the next epoch of pseudonym keys in ten minutes. With consent, persons are joined over it."""
    from tidegate_infra.privacy.rotation import begin_next  # noqa: PLC0415 - loads polars with the gate

    for project, moment in begin_next(load()).items():
        typer.echo(
            f"{project}: the next key holds from {moment} on; `tidegate privacy keys` tells when the old one goes"
        )


@app.command()
def explain(
    event: Annotated[Path, typer.Argument(help="File with the event as JSON; - reads standard input.")],
    kind: Annotated[str, typer.Option(help="Kind of the event; a call of Segment's API is a track.")] = "track",
    project: Annotated[str, typer.Option(help="Project that it is sent to, unless it says so.")] = "default",
    rules: Annotated[
        Path | None, typer.Option(help="A file of rules to try; unset: the one that workers read.")
    ] = None,
) -> None:
    """Show what the gate would do with an event, and why. Sends nothing; what was personal is shown by its shape."""
    from tidegate_infra.keys import ensure_keys  # noqa: PLC0415 - only these commands need it
    from tidegate_infra.privacy.event import read_event  # noqa: PLC0415 - loads the gateway
    from tidegate_infra.privacy.explain import explained  # noqa: PLC0415 - loads polars
    from tidegate_stream.gate.keys import DirectoryKeys  # noqa: PLC0415 - same
    from tidegate_stream.gate.rules import load_rules  # noqa: PLC0415 - same

    settings = load()
    ensure_keys(settings)
    known, record = read_event(_text(event), kind, project, datetime.now(UTC))
    chosen = load_rules(rules or settings.privacy_rules_file, required=True)
    for line in explained(known, DirectoryKeys(settings.keys_dir), record, chosen):
        typer.echo(line)


add_to(app)
add_report(app)
add_detect(app)


def _text(path: Path) -> str:
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text("utf-8")
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or "it is not UTF-8"
        raise InfraError(f"{path} can't be read ({said}): give a file with one JSON object, or - to pipe it") from error
