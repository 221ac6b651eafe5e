"""A row of an export as a line of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

__all__ = ["line"]


def line(table: str, row: Mapping[str, Any]) -> bytes:
    """One line, its end included."""
    return (json.dumps({"table": table, "row": row}, ensure_ascii=False, default=_plain) + "\n").encode()


def _plain(value: Any) -> Any:
    match value:
        case datetime() | date():
            return value.isoformat()
        case UUID():
            return str(value)
        case Mapping():
            return dict(value)
    return list(value)
