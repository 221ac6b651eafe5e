"""Write docs/settings.md from the model: `python -m tidegate_infra.settings_table [--check] PATH`."""

import sys
from typing import Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from tidegate_infra.generated_page import keep
from tidegate_infra.settings import ENV_PREFIX, FILE_NAME, Settings

__all__ = ["main", "render"]

_DEFAULTS = {
    "home": "`$XDG_DATA_HOME/tidegate`, `~/.local/share/tidegate`",
    "cache": "`$XDG_CACHE_HOME/tidegate`, `~/.cache/tidegate`",
}

_INTRODUCTION = f"""\
# Settings

<!-- Written by `python -m tidegate_infra.settings_table docs/settings.md` from infra/tidegate_infra/settings.py. -->

Each is an environment variable, or its name in lower case and without the prefix in `TIDEGATE_HOME/{FILE_NAME}`
(`partitions = 4`); the environment wins. `tidegate doctor` says which variables it doesn't know.

A port that is set and taken is an error. A port that isn't set and whose usual number is taken is chosen from the free
ones between 20000 and 32000, and remembered in `TIDEGATE_HOME/run/ports.json`, so that a restart keeps it.

| Variable | Default | What it is |
|---|---|---|
"""


def render() -> str:
    """Text of docs/settings.md."""
    rows = [_row(name, field) for name, field in Settings.model_fields.items()]
    return _INTRODUCTION + "\n".join(rows) + "\n"


def main(arguments: list[str]) -> int:
    """Write the file, or with --check say whether it is current (exit code 1 if not)."""
    return keep(arguments, render, "tidegate_infra.settings_table")


def _row(name: str, field: FieldInfo) -> str:
    default = _DEFAULTS.get(name) or ("" if field.default is None else f"`{_shown(field.default)}`")
    allowed = _allowed(field.annotation)
    return f"| `{ENV_PREFIX}{name.upper()}` | {default} | {field.description}{allowed} |"


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _allowed(annotation: object) -> str:
    if get_origin(annotation) is not Literal:
        return ""
    return " One of " + ", ".join(f"`{value}`" for value in get_args(annotation)) + "."


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
