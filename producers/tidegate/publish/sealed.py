"""What a publisher seals events with, where it is to: the packages are loaded by those who seal only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from tidegate.errors import InvalidSettingError
from tidegate_schemas.topics import Kind


class Seal(Protocol):
    """Makes events unreadable for all but the gate, before they go anywhere. Thread-safe."""

    def sealed(self, kind: Kind, event: Mapping[str, Any], value: bytes) -> dict[str, Any]:
        """The sealed record's fields, of an event and its encoded record."""

    def key(self, key: bytes) -> bytes:
        """What stands for a record's key: always the same for the same one, and nobody can tell which that is."""


def seal_of(edge_key: str | Path) -> Seal:
    """What seals with an edge key. Raises InvalidSettingError for one that is none, or where packages are missing."""
    try:
        from tidegate.sealing import EdgeSeal  # noqa: PLC0415 - needs packages that only those who seal have
    except ImportError as error:
        raise InvalidSettingError("an edge_key needs two more packages: pip install 'tidegate[sealing]'") from error
    return EdgeSeal(edge_key)
