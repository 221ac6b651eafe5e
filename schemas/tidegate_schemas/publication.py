"""The raw schemas as files, for producers that know nothing of Tidegate but Avro and Kafka."""

import json
from pathlib import Path
from typing import Any

from tidegate_schemas.framing import single_object_header
from tidegate_schemas.subjects import MAX_RAW_BYTES, Schema, raw_schema, sealed_schema
from tidegate_schemas.topics import KINDS, Kind, raw_topic

__all__ = ["INDEX", "SEALED", "publish"]

INDEX = "topics.json"
"""The file that says which schema a topic takes, and the bytes before each record."""
SEALED = "sealed.json"
"""The same of sealed records, which go to the topics of what they hold."""


def publish(folder: Path, generation: int = 1) -> list[Path]:
    """Write `<subject>.avsc` of each kind and of sealed records, `topics.json` and `sealed.json`; returns their paths.

    The folder is made if absent. Files of these names are replaced, others are left. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    schemas, sealed = {kind: raw_schema(kind) for kind in KINDS}, sealed_schema()
    texts = {_file(schema): schema.definition for schema in (*schemas.values(), sealed)}
    texts[INDEX] = {kind: _entry(kind, schema, generation) for kind, schema in schemas.items()}
    texts[SEALED] = _how(sealed)
    for name, value in texts.items():
        (folder / name).write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    return [folder / name for name in texts]


def _file(schema: Schema) -> str:
    return f"{schema.subject}.avsc"


def _entry(kind: Kind, schema: Schema, generation: int) -> dict[str, Any]:
    return {"topic": raw_topic(kind, generation), **_how(schema)}


def _how(schema: Schema) -> dict[str, Any]:
    """How records of a schema are written."""
    return {
        "subject": schema.subject,
        "schema": _file(schema),
        "header": single_object_header(schema.fingerprint).hex(),
        "max_bytes": MAX_RAW_BYTES,
    }
