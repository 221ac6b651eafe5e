"""The control: a worker whose gates keep every text as it is. Run as `python -m tests.privacy.leaky_worker worker`."""

from __future__ import annotations

from tidegate_infra.cli import main
from tidegate_schemas.subjects import Privacy, raw_schema
from tidegate_schemas.topics import Kind
from tidegate_stream.gate import gate
from tidegate_stream.gate.plan import Plan, plan_of


def keep_everything(kind: Kind) -> Plan:
    """A plan that scrubs, cuts and guards nothing; ids have pseudonyms still, as their columns are called so."""
    open_to: dict[Privacy, Privacy] = {"scrub": "keep", "truncate": "keep", "coarsen": "keep"}
    classes = {field.name: open_to.get(field.privacy, field.privacy) for field in raw_schema(kind).fields}
    return plan_of(kind, classes, guard=False)


if __name__ == "__main__":
    gate.compile_plan = keep_everything  # type: ignore[attr-defined]
    main()
