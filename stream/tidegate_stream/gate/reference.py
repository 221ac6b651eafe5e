"""The gate for one record at a time: slow, plain, and what the columnar gate must equal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate_schemas.reasons import Reason
from tidegate_stream.gate.keys import Keys, Pseudonymiser
from tidegate_stream.gate.plan import JSON, Plan
from tidegate_stream.gate.scrub import (
    MalformedJsonError,
    known_pattern,
    personal_traits,
    scrub_json_text,
    scrub_text,
    scrub_url,
    telling_producer,
)
from tidegate_stream.gate.validity import HEX_IDS, hex_id, rules
from tidegate_stream.gate.values import coarse_user_agent, truncated_ip

NO_KEY = "project: has a pseudonym key"
TELLING_PRODUCER = "producer_id: a random name, or one that tells of no person and no secret"


@dataclass(frozen=True)
class Refusal:
    """Why a record is no clean event; `detail` names field and constraint, never the value."""

    reason: Reason
    detail: str = ""


def known_of(plan: Plan, record: Mapping[str, Any]) -> re.Pattern[str] | None:
    """What finds the record's own ids."""
    traits = personal_traits(record["traits"]) if record.get("traits", "{}") != "{}" else ()
    return known_pattern([*(record[name] for name in plan.known), *traits])


def refusal_of(plan: Plan, keys: Keys, record: Mapping[str, Any]) -> Refusal | None:
    """Why a decoded record is refused, None if it isn't; duplicates are told elsewhere."""
    if record["consent"] == "denied":
        return Refusal(Reason.CONSENT_DENIED)
    for rule in rules(plan.kind):
        if not rule.holds(record[rule.field]):
            return Refusal(Reason.INVALID_FIELD, f"{rule.field}: {rule.constraint}")
    if keys.pseudonym_key(record["project"]) is None:
        return Refusal(Reason.INVALID_FIELD, NO_KEY)
    if telling_producer(record["producer_id"]):
        return Refusal(Reason.INVALID_FIELD, TELLING_PRODUCER)
    for name in plan.json:
        try:
            scrub_json_text(record[name], JSON[name])
        except MalformedJsonError:
            return Refusal(Reason.MALFORMED_JSON, f"{name}: a JSON {JSON[name].__name__}")
    return None


def clean_record(plan: Plan, names: Pseudonymiser, record: Mapping[str, Any]) -> dict[str, Any]:
    """The clean event of a record that isn't refused, under clean names, `source_offset` left out."""
    known = known_of(plan, record)
    clean = dict(record)
    anonymous = record["consent"] == "anonymous"
    for name in plan.pseudonymised:
        kept = record[name] and not anonymous
        clean[name] = names.pseudonym(record["project"], record[name]) if kept else None
    if "anonymous_id" in plan.pseudonymised:
        clean["anonymous_id"] = clean["anonymous_id"] or clean["user_id"]
    for name in plan.truncated:
        clean[name] = None if record[name] is None or anonymous else truncated_ip(record[name])
    for name in plan.coarsened:
        clean[name] = None if record[name] is None else coarse_user_agent(record[name])
    for name in (*plan.texts, *plan.labels):
        clean[name] = None if record[name] is None else scrub_text(record[name], known)
    for name in plan.urls:
        clean[name] = None if record[name] is None else scrub_url(record[name], known)
    for name in plan.json:
        clean[name] = scrub_json_text(record[name], JSON[name], known)
    for name in plan.hex_ids:
        shaped = record[name] is not None and re.fullmatch(hex_id(HEX_IDS[name]), record[name])
        clean[name] = record[name] if shaped else None
    clean["event_id"] = record["event_id"].lower()
    return {plan.renamed.get(name, name): value for name, value in clean.items()}
