"""The raw schemas as files, for producers that know nothing of Tidegate but Avro and Kafka."""

import json
from pathlib import Path
from typing import Any

from tidegate_schemas.framing import single_object_header
from tidegate_schemas.subjects import MAX_RAW_BYTES, Schema, raw_schema
from tidegate_schemas.topics import KINDS, Kind, raw_topic

__all__ = ["INDEX", "publish"]

INDEX = "topics.json"
"""The file that says which schema a topic takes, and the bytes before each record."""


def publish(folder: Path, generation: int = 1) -> list[Path]:
    """Write `<subject>.avsc` of each kind, and `topics.json`; returns their paths. The folder is made if absent.

    Files of these names are replaced, others are left. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    schemas = {kind: raw_schema(kind) for kind in KINDS}
    texts = {_file(schema): schema.definition for schema in schemas.values()}
    texts[INDEX] = {kind: _entry(kind, schema, generation) for kind, schema in schemas.items()}
    for name, value in texts.items():
        (folder / name).write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    return [folder / name for name in texts]


def _file(schema: Schema) -> str:
    return f"{schema.subject}.avsc"


def _entry(kind: Kind, schema: Schema, generation: int) -> dict[str, Any]:
    return {
        "topic": raw_topic(kind, generation),
        "subject": schema.subject,
        "schema": _file(schema),
        "header": single_object_header(schema.fingerprint).hex(),
        "max_bytes": MAX_RAW_BYTES,
    }
