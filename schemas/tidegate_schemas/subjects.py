"""The subjects of the event contract, made from avro/*.avsc.

A raw subject is envelope + kind. A clean subject is derived from it by privacy class, so that what leaves the gate is
decided in the .avsc and seen in its diff: `drop` fields go, ids get the name of their pseudonym, every field becomes
nullable (what the columnar encoder writes), and the gate's `source_offset` comes last.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal, get_args

from fastavro.schema import SchemaParseException, to_parsing_canonical_form
from fastavro.schema import fingerprint as fastavro_fingerprint

from tidegate_schemas.errors import SchemaError
from tidegate_schemas.topics import KINDS, Kind

__all__ = [
    "KINDS",
    "MAX_RAW_BYTES",
    "MAX_RECORD_BYTES",
    "NAMESPACE",
    "PRIVACY_CLASSES",
    "PSEUDONYM_NAMES",
    "REQUIRED",
    "SOURCE_OFFSET",
    "Field",
    "Kind",
    "Privacy",
    "Schema",
    "all_schemas",
    "build_schema",
    "clean_schema",
    "consent_schema",
    "dead_letter_schema",
    "erasure_schema",
    "fingerprint_of",
    "outcome_schema",
    "raw_schema",
    "sealed_schema",
]

NAMESPACE = "tidegate"
SOURCE_OFFSET = "source_offset"
Privacy = Literal["keep", "drop", "pseudonymise", "truncate", "coarsen", "scrub"]
PRIVACY_CLASSES: tuple[Privacy, ...] = get_args(Privacy)
PSEUDONYM_NAMES: Mapping[str, str] = {
    "user_id": "user",
    "anonymous_id": "visitor",
    "session_id": "session",
    "previous_id": "previous",
    "instance_id": "instance",
}
"""Clean name of each field whose class is `pseudonymise`."""

MAX_RAW_BYTES: Final = 1 << 20
"""Largest record that a producer may write."""
MAX_RECORD_BYTES: Final = 8 << 20
"""Largest record of any other subject. Cleaning can make a text longer, at worst `1e15` to `1000000000000000.0`."""


class _Required:
    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED: Final = _Required()
"""Default of a field that has none: a record must carry it."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a schema; `raw_name` is the raw field that it comes from, None for one that the gate adds."""

    name: str
    type: Any
    doc: str
    privacy: Privacy
    default: Any
    raw_name: str | None

    @property
    def nullable(self) -> bool:
        """Whether null is allowed."""
        return isinstance(self.type, list) and "null" in self.type

    @property
    def value_type(self) -> Any:
        """The Avro type of a value that isn't null."""
        return next(branch for branch in self.type if branch != "null") if self.nullable else self.type


@dataclass(frozen=True)
class Schema:
    """A subject's schema: `fingerprint` is CRC-64-AVRO of the parsing canonical form, 8 bytes little endian.

    `definition` is the Avro schema as JSON value; it is shared, so don't change it.
    """

    subject: str
    fingerprint: bytes
    definition: dict[str, Any] = field(compare=False, repr=False)
    fields: tuple[Field, ...] = field(compare=False, repr=False)

    def field(self, name: str) -> Field:
        """Find a field by its name; SchemaError if there is none."""
        for candidate in self.fields:
            if candidate.name == name:
                return candidate
        raise SchemaError(f"subject {self.subject} has no field {name!r}; it has {[f.name for f in self.fields]}")

    @property
    def max_bytes(self) -> int:
        """Size of the largest record, header included: what producers send is smaller than what comes of it."""
        return MAX_RAW_BYTES if self.subject.endswith((".raw", ".sealed")) else MAX_RECORD_BYTES

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the fields, in the schema's order."""
        return tuple(candidate.name for candidate in self.fields)


def fingerprint_of(definition: Mapping[str, Any]) -> bytes:
    """Compute the CRC-64-AVRO fingerprint, 8 bytes little endian as single-object encoding wants them."""
    # fastavro's hexadecimal text is little endian already.
    return bytes.fromhex(fastavro_fingerprint(to_parsing_canonical_form(dict(definition)), "CRC-64-AVRO"))


@cache
def raw_schema(kind: Kind) -> Schema:
    """Compose envelope and kind: what producers write to raw.<kind>."""
    envelope, own = _avsc("envelope"), _avsc(_known(kind))
    definition = {
        "type": "record",
        "name": f"{own['name']}Raw",
        "namespace": NAMESPACE,
        "doc": own["doc"],
        "fields": [*envelope["fields"], *own["fields"]],
    }
    return build_schema(f"{NAMESPACE}.{kind}.raw", definition)


@cache
def clean_schema(kind: Kind) -> Schema:
    """Derive what the gate writes to clean.<kind>, by the privacy classes of the raw schema."""
    raw = raw_schema(kind)
    kept = [item for item in raw.fields if item.privacy != "drop"]
    definition = {
        "type": "record",
        "name": raw.definition["name"].removesuffix("Raw"),
        "namespace": NAMESPACE,
        "doc": f"{raw.definition['doc']} Free of personal data.",
        "fields": [*(_clean_field(item) for item in kept), _source_offset_field()],
    }
    return build_schema(f"{NAMESPACE}.{kind}", definition, [*(item.raw_name for item in kept), None])


@cache
def dead_letter_schema() -> Schema:
    """What the gate and the gateway write to dead-letters."""
    return build_schema(f"{NAMESPACE}.dead_letter", _avsc("dead_letter"))


@cache
def outcome_schema() -> Schema:
    """What the gate, the gateway and SDKs write to outcomes."""
    return build_schema(f"{NAMESPACE}.outcome", _avsc("outcome"))


@cache
def consent_schema() -> Schema:
    """What the gate writes to consents."""
    return build_schema(f"{NAMESPACE}.consent", _avsc("consent"))


@cache
def erasure_schema() -> Schema:
    """What tells of an erasure, in the topic of erasures and in raw and clean topics."""
    return build_schema(f"{NAMESPACE}.erasure", _avsc("erasure"))


@cache
def sealed_schema() -> Schema:
    """What producers that seal write to every raw topic, in place of the event."""
    return build_schema(f"{NAMESPACE}.sealed", _avsc("sealed"))


def all_schemas() -> tuple[Schema, ...]:
    """Every subject of the contract."""
    events = [schema(kind) for kind in KINDS for schema in (raw_schema, clean_schema)]
    return (*events, dead_letter_schema(), outcome_schema(), consent_schema(), erasure_schema(), sealed_schema())


def build_schema(subject: str, definition: dict[str, Any], raw_names: list[str | None] | None = None) -> Schema:
    """Make a Schema of an Avro record definition; SchemaError where a field lacks what the contract demands."""
    items = definition["fields"]
    names = [item["name"] for item in items]
    if len(set(names)) != len(names):
        raise SchemaError(f"subject {subject} has a field twice: {sorted(n for n in names if names.count(n) > 1)}")
    origins = names if raw_names is None else raw_names
    fields = tuple(_field(subject, item, origin) for item, origin in zip(items, origins, strict=True))
    try:
        fingerprint = fingerprint_of(definition)
    except SchemaParseException as error:
        raise SchemaError(f"{subject} is no Avro schema: {error}") from error
    return Schema(subject, fingerprint, definition, fields)


def _field(subject: str, item: dict[str, Any], raw_name: str | None) -> Field:
    privacy, doc = item.get("privacy"), item.get("doc")
    if privacy not in PRIVACY_CLASSES:
        raise SchemaError(
            f"field {item['name']!r} of {subject} has privacy class {privacy!r}; "
            f"every field needs one of {', '.join(PRIVACY_CLASSES)}"
        )
    if not isinstance(doc, str) or not doc.strip():
        raise SchemaError(f"field {item['name']!r} of {subject} has no doc")
    return Field(item["name"], item["type"], doc, privacy, item.get("default", REQUIRED), raw_name)


def _clean_field(raw: Field) -> dict[str, Any]:
    if raw.privacy == "pseudonymise":
        if raw.name not in PSEUDONYM_NAMES:
            raise SchemaError(f"field {raw.name!r} is pseudonymised but has no clean name in PSEUDONYM_NAMES")
        name, doc = PSEUDONYM_NAMES[raw.name], f"Pseudonym, 32 hexadecimal digits, of: {raw.doc}"
    else:
        name, doc = raw.name, raw.doc
    return {"name": name, "type": _nullable(raw.value_type), "doc": doc, "privacy": "keep", "default": None}


def _nullable(avro_type: Any) -> list[Any]:
    if isinstance(avro_type, dict) and avro_type["type"] == "array":
        return ["null", {"type": "array", "items": _nullable(avro_type["items"])}]
    return ["null", avro_type]


def _source_offset_field() -> dict[str, Any]:
    doc = "Offset of the raw record in its partition of the raw topic, added by the gate."
    return {"name": SOURCE_OFFSET, "type": ["null", "long"], "doc": doc, "privacy": "keep", "default": None}


def _known(kind: str) -> str:
    if kind not in KINDS:
        raise SchemaError(f"kind {kind!r} is none of {', '.join(KINDS)}")
    return kind


def _avsc(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((files("tidegate_schemas") / "avro" / f"{name}.avsc").read_text("utf-8"))
    return loaded
