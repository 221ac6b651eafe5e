"""What the gate does to each field, compiled from the privacy classes of the raw schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tidegate_schemas.subjects import PSEUDONYM_NAMES, Privacy, raw_schema
from tidegate_schemas.topics import Kind
from tidegate_stream.gate.validity import HEX_IDS, rules

URLS = frozenset({"url", "referrer"})
JSON: Mapping[str, type] = {"properties": dict, "attributes": dict, "stack": list, "breadcrumbs": list, "traits": dict}
"""Fields that hold JSON text, and what it must be."""


@dataclass(frozen=True)
class Plan:
    """Raw fields by treatment. `renamed` says the clean names of those that change theirs.

    `labels` are texts of class `keep` that no rule bounds (release, service, a sender's fingerprint, …). The schema
    lets them through as they are meant to name software, so they lose only what a pattern finds.
    """

    kind: Kind
    pseudonymised: tuple[str, ...]
    truncated: tuple[str, ...]
    coarsened: tuple[str, ...]
    texts: tuple[str, ...]
    urls: tuple[str, ...]
    json: tuple[str, ...]
    labels: tuple[str, ...]
    hex_ids: tuple[str, ...]
    renamed: Mapping[str, str]

    @property
    def known(self) -> tuple[str, ...]:
        """Fields whose values must not appear in the event's free text."""
        return (*self.pseudonymised, *self.truncated)

    @property
    def scrubbed(self) -> tuple[str, ...]:
        """Fields that free text passes in."""
        return (*self.texts, *self.labels, *self.urls, *self.json)


def compile_plan(kind: Kind) -> Plan:
    """The plan that the schema's privacy classes demand."""
    return plan_of(kind, {field.name: field.privacy for field in raw_schema(kind).fields}, guard=True)


def plan_of(kind: Kind, classes: Mapping[str, Privacy], *, guard: bool) -> Plan:
    """A plan of any classes; without `guard` what is kept is not looked at (the control of the privacy tests)."""
    of = {
        privacy: tuple(name for name, given in classes.items() if given == privacy) for privacy in set(classes.values())
    }
    scrubbed = of.get("scrub", ())
    bounded = {rule.field for rule in rules(kind)} | set(HEX_IDS)
    strings = {field.name for field in raw_schema(kind).fields if field.value_type == "string"}
    kept = [name for name in of.get("keep", ()) if name in strings and name not in bounded]
    return Plan(
        kind=kind,
        pseudonymised=of.get("pseudonymise", ()),
        truncated=of.get("truncate", ()),
        coarsened=of.get("coarsen", ()),
        texts=tuple(name for name in scrubbed if name not in URLS and name not in JSON),
        urls=tuple(name for name in scrubbed if name in URLS),
        json=tuple(name for name in scrubbed if name in JSON),
        labels=tuple(kept) if guard else (),
        hex_ids=tuple(name for name in HEX_IDS if name in classes) if guard else (),
        renamed={raw: clean for raw, clean in PSEUDONYM_NAMES.items() if raw in classes},
    )
