"""Which tables hold pseudonyms, and where."""

from __future__ import annotations

from collections.abc import Mapping

from tidegate_schemas.topics import KINDS, Kind
from tidegate_sinks.tables import tables
from tidegate_sinks.writer import default_of
from tidegate_stream.erasure import ERASED, SUBJECTS, kept_columns

__all__ = ["AGGREGATES", "EVENTS", "HELD", "PROOFS", "assignments", "holders"]

EVENTS: Mapping[Kind, str] = {kind: f"events_{kind}" for kind in KINDS}
AGGREGATES: Mapping[str, tuple[str, ...]] = {
    "sessions": ("visitor", "user"),
    "activity": ("visitor", "user"),
    "identities": ("visitor", "user"),
    "release_health": ("session_or_user", "user"),
}
"""Tables of which an erasure deletes rows, with the columns that tell whose they are."""
PROOFS: Mapping[str, tuple[str, ...]] = {"consents": ("pseudonym",)}
"""Tables about persons that an erasure leaves: who measured must be able to show that it was allowed."""
HELD = (*EVENTS.values(), *AGGREGATES, "latencies")
"""Tables that an erasure writes anew; latencies point at traces."""
_OF_THE_ARCHIVE = frozenset({"consent", "source_partition", "clean_offset", "inserted_at", "version"})
_NO_ID = "toUUID('00000000-0000-0000-0000-000000000000')"


def holders(table: str) -> str:
    """Whether a row holds one of the marked pseudonyms, as SQL."""
    columns = {**AGGREGATES, **PROOFS}.get(table) or tuple(name for name in SUBJECTS if name in tables()[table].columns)
    return " OR ".join(f"has({{marks:Array(String)}}, tidegateErasureMark(project, {name}))" for name in columns)


def assignments(kind: Kind) -> str:
    """What makes an archived event a stub, as SQL: the same columns stay as in `tidegate_stream.erasure.stubs`."""
    columns = tables()[EVENTS[kind]].columns
    kept = kept_columns(kind) | _OF_THE_ARCHIVE
    emptied = [f"`{name}` = {_empty(of)}" for name, of in columns.items() if name not in kept]
    return ", ".join([f"`consent` = '{ERASED}'", *emptied])


def _empty(of: str) -> str:
    value = default_of(of)
    match value:
        case str() | bool() | int() | float():
            return f"'{value}'" if isinstance(value, str) else str(value).lower()
        case list():
            return f"CAST([], '{of}')"
    return _NO_ID if of == "UUID" else "toDateTime64(0, 6, 'UTC')"
