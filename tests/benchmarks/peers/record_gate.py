"""The gate's work on one record at a time, which every Python peer calls: same patterns, same rules, same keys.

It is made as quick as a careful user of those frameworks would make it, so that no peer does more work than Tidegate:
fastavro's compiled codec, checks compiled once, HMACs and texts of shared values remembered, and the twenty patterns
tried only on texts that one combined pattern suspects, as Tidegate's columnar gate does. Copies are told by a set in
memory, without a changelog: less than what Tidegate promises. What is refused is counted; nothing is sealed or
reported.
`BENCH_SCRUB=reference` has each record cleaned by `tidegate_stream.gate.reference.clean_record`, several times slower.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import fastavro
import orjson

from tidegate_schemas.framing import single_object_header
from tidegate_schemas.networks import truncated_ip
from tidegate_schemas.subjects import clean_schema, raw_schema
from tidegate_schemas.topics import Kind, clean_topic, kind_of
from tidegate_stream.gate.json_columns import UNLIKE
from tidegate_stream.gate.keys import DirectoryKeys
from tidegate_stream.gate.patterns import SUSPECT, SUSPECT_JSON
from tidegate_stream.gate.plan import JSON, Plan, compile_plan
from tidegate_stream.gate.pseudonyms import Pseudonymiser
from tidegate_stream.gate.reference import clean_record, known_of, micros
from tidegate_stream.gate.scrub import MalformedJsonError, parse_json, scrub_json_text
from tidegate_stream.gate.texts import KNOWN_MIN_LENGTH, bare_url, scrub_text
from tidegate_stream.gate.validity import HEX_IDS, hex_id, rules
from tidegate_stream.gate.values import coarse_user_agent

_SUSPECT, _SUSPECT_JSON, _UNLIKE = re.compile(SUSPECT), re.compile(SUSPECT_JSON), re.compile(UNLIKE)
_ENCODED = re.compile(r"[%\\\u0080-\U0010ffff]")


class Clean(NamedTuple):
    """A record for a clean topic."""

    topic: str
    key: bytes
    value: bytes


class RecordGate:
    """The gate of all kinds, with the ids that it has seen. Counts what it refuses."""

    def __init__(self, keys: Path) -> None:
        names = Pseudonymiser(DirectoryKeys(keys))
        self._keys = DirectoryKeys(keys)
        self._kinds: dict[str, _KindGate] = {}
        self._names = names
        self._seen: set[tuple[Kind, str]] = set()
        self.refused = 0

    def take(self, topic: str, offset: int, value: bytes) -> Clean | None:
        """The clean record of a raw one, None if it is refused or a copy."""
        gate = self._kinds.get(topic)
        if gate is None:
            gate = self._kinds[topic] = _KindGate(kind_of(topic), self._keys, self._names)
        record = gate.judged(value)
        if record is None or (copy := (gate.kind, record["event_id"].lower())) in self._seen:
            self.refused += 1
            return None
        self._seen.add(copy)
        clean = gate.clean(gate.plan, self._names, record)
        clean["source_offset"] = offset
        return Clean(gate.topic, (clean["visitor"] or clean["event_id"]).encode(), gate.encode(clean))


class _KindGate:
    def __init__(self, kind: Kind, keys: DirectoryKeys, names: Pseudonymiser) -> None:
        raw, clean = raw_schema(kind), clean_schema(kind)
        self.kind, self.topic, self.plan = kind, clean_topic(kind), compile_plan(kind)
        self._keys, self._names, self._clean_names = keys, names, clean.names
        self._reader, self._writer = fastavro.parse_schema(raw.definition), fastavro.parse_schema(clean.definition)
        self._raw_header, self._clean_header = (single_object_header(it.fingerprint) for it in (raw, clean))
        self._rules = [(rule.field, rule.holds) for rule in rules(kind)]
        self.clean: Callable[[Plan, Pseudonymiser, Mapping[str, Any]], dict[str, Any]] = (
            clean_record if os.environ.get("BENCH_SCRUB") == "reference" else quick_clean
        )

    def judged(self, value: bytes) -> dict[str, Any] | None:
        """A decoded record, None if it is refused."""
        if not value.startswith(self._raw_header):
            return None
        body = io.BytesIO(value)
        body.seek(len(self._raw_header))
        try:
            record: dict[str, Any] = fastavro.schemaless_reader(body, self._reader, None)  # type: ignore[assignment]
        except (ValueError, EOFError, IndexError, OverflowError):
            return None
        if body.tell() != len(value) or record["consent"] == "denied":
            return None
        if not all(holds(record[field]) for field, holds in self._rules):
            return None
        return record if self._keys.epochs(record["project"]) and self._json_is_sound(record) else None

    def _json_is_sound(self, record: Mapping[str, Any]) -> bool:
        return all(_sound(record[name], JSON[name]) for name in self.plan.json)

    def encode(self, record: dict[str, Any]) -> bytes:
        """A clean record, framed."""
        buffer = io.BytesIO()
        buffer.write(self._clean_header)
        fastavro.schemaless_writer(buffer, self._writer, {name: record[name] for name in self._clean_names})
        return buffer.getvalue()


def quick_clean(plan: Plan, names: Pseudonymiser, record: Mapping[str, Any]) -> dict[str, Any]:
    """What `reference.clean_record` makes of a record, by the short ways that hold for most."""
    known = [value.lower() for name in plan.known if (value := record[name]) and len(value) >= KNOWN_MIN_LENGTH]
    if record.get("traits", "{}") != "{}" or record["consent"] == "anonymous" or not all(map(str.isascii, known)):
        return clean_record(plan, names, record)
    own, clean = _Own(plan, record, known), dict(record)
    received = micros(record["received_at"])
    for name in plan.pseudonymised:
        told = name != "previous_id" or record["type"] == "alias"  # keys of benchmarks have one epoch
        clean[name] = names.pseudonym(record["project"], record[name], received) if record[name] and told else None
    if "anonymous_id" in plan.pseudonymised:
        clean["anonymous_id"] = clean["anonymous_id"] or clean["user_id"]
    for name in plan.truncated:
        clean[name] = None if record[name] is None else truncated_ip(record[name])
    for name in plan.coarsened:
        clean[name] = None if record[name] is None else coarse_user_agent(record[name])
    for name in (*plan.texts, *plan.labels):
        clean[name] = record[name] and own.text(record[name])
    for name in plan.urls:
        clean[name] = record[name] and own.text(bare_url(record[name]))
    for name in plan.json:
        clean[name] = own.json(record[name], JSON[name])
    for name in plan.hex_ids:
        shaped = record[name] is not None and re.fullmatch(hex_id(HEX_IDS[name]), record[name])
        clean[name] = record[name] if shaped else None
    clean["event_id"] = record["event_id"].lower()
    return {plan.renamed.get(name, name): value for name, value in clean.items()}


class _Own:
    """Scrubs one record's texts, which must not hold its own ids."""

    def __init__(self, plan: Plan, record: Mapping[str, Any], known: list[str]) -> None:
        self._plan, self._record, self._known = plan, record, known

    def text(self, text: str) -> str:
        return scrub_text(text, known_of(self._plan, self._record)) if self._held_in(text) else _shared_text(text)

    def json(self, text: str, container: type) -> str:
        if self._held_in(text):
            return scrub_json_text(text, container, known_of(self._plan, self._record))
        return _shared_json(text, container)

    def _held_in(self, text: str) -> bool:
        if not self._known:
            return False
        lower = text.lower()
        return any(value in lower for value in self._known) or _ENCODED.search(text) is not None


@lru_cache(maxsize=50_000)
def _shared_text(text: str) -> str:
    return scrub_text(text) if _SUSPECT.search(text) else text


@lru_cache(maxsize=50_000)
def _shared_json(text: str, container: type) -> str:
    if _SUSPECT_JSON.search(text) or _UNLIKE.search(text):
        return scrub_json_text(text, container)
    canonical = orjson.dumps(parse_json(text, container), option=orjson.OPT_SORT_KEYS).decode()
    return text if canonical == text else scrub_json_text(text, container)


@lru_cache(maxsize=50_000)
def _sound(text: str, container: type) -> bool:
    try:
        parse_json(text, container)
    except MalformedJsonError:
        return False
    return True
