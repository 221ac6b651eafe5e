"""The committed versions of every subject: avro/history/<subject>/<n>.avsc, n from 1."""

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from tidegate_schemas.subjects import Schema, build_schema

__all__ = ["HISTORY", "known_versions", "load_history"]

HISTORY = Path(str(files("tidegate_schemas"))) / "avro" / "history"


def load_history(subject: str, root: Path = HISTORY) -> list[Schema]:
    """Read a subject's recorded versions, oldest first; empty if none was ever recorded."""
    found = sorted((root / subject).glob("*.avsc"), key=lambda path: int(path.stem))
    return [build_schema(subject, _definition(path)) for path in found]


@cache
def known_versions(schema: Schema) -> tuple[Schema, ...]:
    """Every version whose records may be read as this schema: the recorded ones and the schema itself."""
    versions = {version.fingerprint: version for version in load_history(schema.subject)}
    return tuple({**versions, schema.fingerprint: schema}.values())


def _definition(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return loaded
