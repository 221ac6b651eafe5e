"""Write docs/privacy-inventory.md: `python -m tidegate_infra.privacy.inventory [--check] PATH`."""

import sys
from collections.abc import Iterator

from tidegate_infra.generated_page import keep
from tidegate_infra.privacy.retention.files import elsewhere, file_policies
from tidegate_infra.privacy.retention.policy import Policy
from tidegate_infra.privacy.retention.report import kept
from tidegate_infra.privacy.retention.tables import table_policies
from tidegate_infra.privacy.retention.topics import topic_policies
from tidegate_infra.settings import Settings
from tidegate_schemas.subjects import KINDS, PSEUDONYM_NAMES, Field, Privacy, raw_schema

__all__ = ["main", "render"]

_HEAD = """\
# What is collected, and how long it is kept

<!-- Written by `python -m tidegate_infra.privacy.inventory docs/privacy-inventory.md` from schemas and policies. -->

The fields that an event can have, as the schemas in `schemas/tidegate_schemas/avro/` define them, and what the gate
does with each. What the words mean stands in [privacy.md](privacy.md#what-the-gate-does).

"""
_RETENTION = """\
## How long

With the defaults. `tidegate privacy report` shows the same for a running installation, with the oldest of everything.
After + stands how much later data may go, as merges and segments are coarse. *Identified*: people by the ids that they
were sent with.

| Where | What | Why | About | Kept |
|---|---|---|---|---|
"""
_GATE: dict[Privacy, str] = {
    "keep": "kept",
    "drop": "left out",
    "pseudonymise": "pseudonym",
    "truncate": "cut to its network",
    "coarsen": "coarsened",
    "scrub": "scrubbed",
}


def render() -> str:
    """Text of docs/privacy-inventory.md."""
    shared = set.intersection(*({field.name for field in raw_schema(kind).fields} for kind in KINDS))
    parts = [
        _HEAD,
        "## Every event\n\n",
        *_table(field for field in raw_schema(KINDS[0]).fields if field.name in shared),
    ]
    for kind in KINDS:
        parts += [f"## {kind}\n\n", *_table(field for field in raw_schema(kind).fields if field.name not in shared)]
    settings = Settings.model_construct()
    policies = [*table_policies({}), *topic_policies(settings), *file_policies(settings), *elsewhere()]
    return "".join([*parts, _RETENTION, *(_policy(each) for each in policies)])


def main(arguments: list[str]) -> int:
    """Write the file, or with --check say whether it is current (exit code 1 if not)."""
    return keep(arguments, render, "tidegate_infra.privacy.inventory")


def _table(fields: Iterator[Field]) -> Iterator[str]:
    yield "| Field | What it is | At the gate |\n|---|---|---|\n"
    for field in fields:
        name = PSEUDONYM_NAMES.get(field.name)
        becomes = f", `{name}`" if field.privacy == "pseudonymise" and name else ""
        yield f"| `{field.name}` | {field.doc} | {_GATE[field.privacy]}{becomes} |\n"
    yield "\n"


def _policy(policy: Policy) -> str:

    return (
        f"| {policy.store}: `{policy.name}` | {policy.what} | {policy.purpose} | {policy.subjects} | {kept(policy)} |\n"
    )


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
