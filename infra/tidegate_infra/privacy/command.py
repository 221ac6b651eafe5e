"""The commands `tidegate privacy …`."""

import typer

__all__ = ["app"]

app = typer.Typer(
    name="privacy", help="What happens to personal data, and the rights of those it is about.", no_args_is_help=True
)
