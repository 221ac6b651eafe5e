"""The commands `tidegate privacy …`."""

import typer

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
def rotate() -> None:
    """Begin the next epoch of pseudonym keys in ten minutes. With consent, persons are joined over it."""
    from tidegate_infra.privacy.rotation import begin_next  # noqa: PLC0415 - loads polars with the gate

    for project, moment in begin_next(load()).items():
        typer.echo(
            f"{project}: the next key holds from {moment} on; `tidegate privacy keys` tells when the old one goes"
        )


add_to(app)
