"""The commands `tidegate privacy …`."""

import typer

from tidegate_infra.privacy.rights.command import add_to

__all__ = ["app"]

app = typer.Typer(
    name="privacy", help="What happens to personal data, and the rights of those it is about.", no_args_is_help=True
)
add_to(app)
