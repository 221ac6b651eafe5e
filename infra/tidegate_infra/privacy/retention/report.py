"""The record of processing as Markdown and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from tidegate_infra.privacy.retention.policy import BASES, Policy, in_words
from tidegate_infra.privacy.retention.record import Entry, Record

__all__ = ["as_json", "as_markdown", "kept"]

_TITLES = {
    "table": "ClickHouse",
    "topic": "Kafka",
    "files": "Files of this home",
    "elsewhere": "Elsewhere: stated, not measured",
}
_UNITS = {"table": "rows", "topic": "records"}
_HEAD = """\
# Record of processing

Measured at {at} UTC.

## Findings
"""
_MEANING = """\

## How to read it

- A record under GDPR 30 needs besides: name and contact of the controller and its data protection officer, recipients,
  and transfers to other countries. Those are yours to add; Tidegate itself sends data to nobody.
- *About*: people by the ids that they were sent with (identified), by pseudonyms (personal data, too), or nobody.
- *Kept*: the policy, and after + how much later data may go, as merges and segments are coarse. *Set to*: what is
  configured at this moment. *Oldest*: the oldest row, record or file that is there at this moment, in UTC.
- *Legal basis*: a proposal, to be confirmed by the controller."""
_CONSENT = """\

## Consent

`analytics.consents` tells how many people agreed, by day, purpose and version of the text; the decisions themselves are
in `tidegate.consents`, under pseudonyms. Receipts of erasures and exports: `analytics.erasures` and
`tidegate privacy status`.
"""


def as_markdown(record: Record) -> Iterator[str]:
    """Lines of text."""
    yield _HEAD.format(at=_shown(record.at))
    if not record.findings:
        yield "None: nothing is older than its policy, and nothing is without one."
    yield from (f"- {finding}" for finding in record.findings)
    yield _MEANING
    yield from (f"  - {name}: {meaning}" for name, meaning in BASES.items())
    for store, title in _TITLES.items():
        yield f"\n## {title}\n"
        yield "| Where | What | Why | Legal basis | About | Who can read it | Kept | Set to | Holds | Oldest |"
        yield "|---|---|---|---|---|---|---|---|---|---|"
        for each in record.entries:
            if each.policy.store == store:
                yield _row(each)
    yield _CONSENT


def as_json(record: Record) -> str:
    """One object: `at`, `findings`, `legal_bases` (what each means), `entries`."""
    entries = [
        {
            "name": each.policy.name,
            "store": each.policy.store,
            "place": each.place,
            "what": each.policy.what,
            "purpose": each.policy.purpose,
            "legal_basis": each.policy.basis,
            "about": each.policy.subjects,
            "readers": each.policy.readers,
            "kept_days": each.policy.days,
            "grace_days": each.policy.grace_days,
            "bound": each.policy.bound,
            "configured": each.configured,
            "quantity": each.quantity,
            "oldest": each.oldest.isoformat() if each.oldest else None,
        }
        for each in record.entries
    ]
    whole = {
        "at": record.at.isoformat(),
        "findings": list(record.findings),
        "legal_bases": dict(BASES),
        "entries": entries,
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _row(each: Entry) -> str:
    policy = each.policy
    oldest = "not looked at" if policy.store == "elsewhere" else _shown(each.oldest) if each.oldest else "nothing"
    holds = f"{each.quantity} {_UNITS[policy.store]}" if policy.store in _UNITS else ""
    named = f"`{each.place}`" if policy.store in ("table", "topic") else f"{policy.name}: {each.place}"
    about = (policy.what, policy.purpose, policy.basis, policy.subjects, policy.readers)
    cells = (named, *about, kept(policy), each.configured, holds, oldest)
    return "| " + " | ".join(cells) + " |"


def kept(policy: Policy) -> str:
    """For how long, in words."""
    if policy.days is None:
        return policy.bound
    return f"{in_words(policy.days)} + {in_words(policy.grace_days)}" if policy.grace_days else in_words(policy.days)


def _shown(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"
