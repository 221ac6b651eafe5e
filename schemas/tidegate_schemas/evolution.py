"""The evolution check: every two versions of a subject read each other, and nothing dangerous gets in.

Full and transitive, because records of any version wait in Kafka while producers and readers are upgraded in any
order. Types never change, not even where Avro would promote them: the columnar path doesn't promote.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

from fastavro.validation import validate as fits

from tidegate_schemas.errors import EvolutionError, SchemaError
from tidegate_schemas.history import HISTORY, load_history
from tidegate_schemas.registry import RegistryClient
from tidegate_schemas.subjects import REQUIRED, Field, Schema, all_schemas

__all__ = ["check_history", "incompatibilities", "record_history", "register_history", "type_problems"]

_PRIMITIVES = {"string", "bytes", "long", "int", "double", "float", "boolean"}
_LOGICAL = {"timestamp-micros": "long"}


def check_history(schemas: Iterable[Schema] | None = None, root: Path = HISTORY) -> list[str]:
    """Find every reason why the current schemas and the recorded versions can't go together; empty if none."""
    current = {schema.subject: schema for schema in (all_schemas() if schemas is None else schemas)}
    problems = [problem for schema in current.values() for problem in _own_problems(schema)]
    for subject, schema in current.items():
        try:
            recorded = load_history(subject, root)
        except (SchemaError, ValueError, KeyError) as error:
            problems.append(f"{subject}: its history can't be read: {error}")
            continue
        problems.extend(_history_problems(schema, recorded))
        if not recorded or recorded[-1].definition != schema.definition:
            problems.append(f"{subject}: not recorded as it is now; run `python -m tidegate_schemas record`")
    gone = sorted(path.name for path in root.glob("*") if path.is_dir() and path.name not in current)
    return [*problems, *(f"{subject}: has a history but is no subject any more" for subject in gone)]


def record_history(schemas: Iterable[Schema] | None = None, root: Path = HISTORY) -> list[Path]:
    """Write the current schemas into the history: a new version where the wire changes, else the latest one again.

    EvolutionError, and nothing is written, if any of them couldn't be read together with what is recorded.
    """
    current = list(all_schemas() if schemas is None else schemas)
    histories = {schema.subject: load_history(schema.subject, root) for schema in current}
    problems = [problem for schema in current for problem in _own_problems(schema)]
    problems += [problem for schema in current for problem in _history_problems(schema, histories[schema.subject])]
    if problems:
        raise EvolutionError("nothing was recorded:\n" + "\n".join(problems))
    written = []
    for schema in current:
        recorded = histories[schema.subject]
        if recorded and recorded[-1].definition == schema.definition:
            continue
        same_wire = bool(recorded) and recorded[-1].fingerprint == schema.fingerprint
        path = root / schema.subject / f"{len(recorded) + (0 if same_wire else 1)}.avsc"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(schema.definition, indent=2, ensure_ascii=False) + "\n", "utf-8")
        written.append(path)
    return written


def register_history(client: RegistryClient, root: Path = HISTORY) -> dict[str, list[int]]:
    """Register every recorded version, oldest first, in a registry that then holds each subject to this check."""
    ids: dict[str, list[int]] = {}
    for schema in all_schemas():
        client.require_full_transitive(schema)
        ids[schema.subject] = [client.register(version) for version in load_history(schema.subject, root)]
    return ids


def incompatibilities(reader: Schema, writer: Schema) -> list[str]:
    """Find why records of one version can't be read as another."""
    problems = []
    if reader.definition["name"] != writer.definition["name"]:
        problems.append(f"record {writer.definition['name']} can't be read as {reader.definition['name']}")
    written = {item.name: item for item in writer.fields}
    for item in reader.fields:
        if item.name in written:
            if item.type != written[item.name].type:
                problems.append(f"field {item.name}: type {written[item.name].type} can't be read as {item.type}")
        elif item.default is REQUIRED:
            problems.append(f"field {item.name}: one version lacks it, and it has no default")
    return problems


def type_problems(avro_type: Any) -> list[str]:  # noqa: PLR0911 - one return a shape of type
    """Find why an Avro type isn't allowed in a field of the contract.

    Allowed are primitives, timestamp-micros, arrays of those, and null with one of them. Nothing is named, so nothing
    recurs (fastavro crashes on recursive schemas), and each array item has a byte at least (5 bytes of zero-width
    items would become millions).
    """
    match avro_type:
        case str() if avro_type in _PRIMITIVES:
            return []
        case ["null", value] if value != "null" and not isinstance(value, list):
            return type_problems(value)
        case {"type": "array", "items": items}:
            return [f"array item: {problem}" for problem in type_problems(items)]
        case {"type": "long", "logicalType": "timestamp-micros", **rest} if not rest:
            return []
        case "null":
            return ["null alone has no width"]
        case [*branches]:
            return [f"union {branches} is allowed as null and one other type only, null first"]
        case {"type": "record" | "enum" | "fixed" | "map" as name}:
            return [f"type {name} is not allowed: named types may recur, maps have no column"]
        case _:
            return [f"type {avro_type!r} is not allowed"]


def _own_problems(schema: Schema) -> Iterator[str]:
    for item in schema.fields:
        problems = type_problems(item.type)
        yield from (f"{schema.subject}: field {item.name}: {problem}" for problem in problems)
        if not problems and item.default is not REQUIRED and not _default_fits(item):
            yield f"{schema.subject}: field {item.name}: default {item.default!r} doesn't fit its type"


def _default_fits(item: Field) -> bool:
    # A union's default is of its first branch, which is null.
    if item.nullable:
        return item.default is None
    return bool(fits({"field": item.default}, _probe(item.type), raise_errors=False))


def _probe(avro_type: Any) -> dict[str, Any]:
    return {"type": "record", "name": "Probe", "fields": [{"name": "field", "type": avro_type}]}


def _history_problems(schema: Schema, recorded: list[Schema]) -> Iterator[str]:
    labels = [*(f"version {number}" for number in range(1, len(recorded) + 1)), "the current schema"]
    versions = [*recorded, schema]
    for (left_label, left), (right_label, right) in combinations(zip(labels, versions, strict=True), 2):
        for problem in {*incompatibilities(left, right), *incompatibilities(right, left)}:
            yield f"{schema.subject}: {left_label} and {right_label}: {problem}"
