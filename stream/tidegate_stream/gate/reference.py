"""The gate for one record at a time: slow, plain, and what the columnar gate must equal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tidegate_schemas.networks import truncated_ip
from tidegate_schemas.reasons import Reason
from tidegate_stream.gate.cookieless import Cookieless
from tidegate_stream.gate.keys import Keys
from tidegate_stream.gate.plan import JSON, Plan
from tidegate_stream.gate.pseudonyms import Pseudonymiser
from tidegate_stream.gate.rules.compiled import NO_RULES, Rules
from tidegate_stream.gate.rules.record import scrubbed, tightened
from tidegate_stream.gate.scrub import MalformedJsonError, parse_json, personal_traits
from tidegate_stream.gate.texts import Told, known_pattern, telling_producer
from tidegate_stream.gate.validity import EPOCH, HEX_IDS, hex_id
from tidegate_stream.gate.validity import rules as bounds_of
from tidegate_stream.gate.values import coarse_user_agent

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
    for rule in bounds_of(plan.kind):
        if not rule.holds(record[rule.field]):
            return Refusal(Reason.INVALID_FIELD, f"{rule.field}: {rule.constraint}")
    if not keys.epochs(record["project"]):
        return Refusal(Reason.INVALID_FIELD, NO_KEY)
    if telling_producer(record["producer_id"]):
        return Refusal(Reason.INVALID_FIELD, TELLING_PRODUCER)
    for name in plan.json:
        try:
            parse_json(record[name], JSON[name])
        except MalformedJsonError:
            return Refusal(Reason.MALFORMED_JSON, f"{name}: a JSON {JSON[name].__name__}")
    return None


def micros(at: datetime) -> int:
    """µs since 1970."""
    return (at - EPOCH) // timedelta(microseconds=1)


def _former(names: Pseudonymiser, record: Mapping[str, Any], received: int) -> str | None:
    """With consent, what a known subject was called in the epoch before, so that the two can be linked."""
    user, device = record["user_id"], record["anonymous_id"]
    known = (device or user) if record["type"] == "identify" else (user or device)
    if record["consent"] != "granted" or not known:
        return None
    return names.former(record["project"], known, received)


def _ids(plan: Plan, names: Pseudonymiser, record: Mapping[str, Any]) -> dict[str, str | None]:
    received = micros(record["received_at"])
    ids: dict[str, str | None] = {}
    for name in plan.pseudonymised:
        kept = record[name] and record["consent"] != "anonymous"
        ids[name] = names.pseudonym(record["project"], record[name], received) if kept else None
    if "previous_id" in ids and record["type"] != "alias":
        ids["previous_id"] = _former(names, record, received)
    if "anonymous_id" in ids:
        ids["anonymous_id"] = ids["anonymous_id"] or ids["user_id"]
    return ids


def clean_record(
    plan: Plan,
    names: Pseudonymiser,
    record: Mapping[str, Any],
    cookieless: Cookieless | None = None,
    last: dict[str, int] | None = None,
    *,
    rules: Rules = NO_RULES,
    told: Told | None = None,
) -> dict[str, Any]:
    """The clean event of a record that isn't refused, under clean names, `source_offset` left out.

    `last` is what is known of visits under way, and is changed. `told` hears of each text that changed, and why.
    """
    own = rules.of(record["project"])
    known = known_of(plan, record)
    clean = {**record, **_ids(plan, names, record)}
    anonymous = record["consent"] == "anonymous"
    if anonymous and cookieless is not None:
        clean["anonymous_id"] = cookieless.visitor(record, micros(record["received_at"]), {} if last is None else last)
    for name in plan.truncated:
        clean[name] = None if record[name] is None or anonymous else truncated_ip(record[name])
    for name in plan.coarsened:
        clean[name] = None if record[name] is None else coarse_user_agent(record[name])
    for name in plan.scrubbed:
        text = record[name]
        clean[name] = None if text is None else tightened(name, scrubbed(name, text, known, own, told), own, told)
    for name in plan.hex_ids:
        shaped = record[name] is not None and re.fullmatch(hex_id(HEX_IDS[name]), record[name])
        clean[name] = record[name] if shaped else None
    clean["event_id"] = record["event_id"].lower()
    return {plan.renamed.get(name, name): value for name, value in clean.items()}
