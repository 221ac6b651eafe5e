"""The Sentry envelope: a header line, then items of a header line and a payload each. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tidegate_gateway.errors import RefusedError
from tidegate_gateway.values import parse_object, text
from tidegate_schemas.reasons import Reason

MAX_ITEMS = 1_000


@dataclass(frozen=True)
class Item:
    """One item: its header and its payload's bytes."""

    header: dict[str, Any]
    payload: bytes

    @property
    def type(self) -> str:
        """The item's type; empty if it has none."""
        return text(self.header, "type")


@dataclass(frozen=True)
class SentryEnvelope:
    """Header and items."""

    header: dict[str, Any]
    items: list[Item]


def parse_envelope(body: bytes) -> SentryEnvelope:
    """Read an envelope. Raises RefusedError (malformed_envelope, malformed_json)."""
    line, _, rest = body.partition(b"\n")
    items = list(_items(rest))
    return SentryEnvelope(parse_object(line, "envelope header"), items)


def _items(rest: bytes) -> Iterator[Item]:
    number = 0
    while rest.strip(b"\n"):
        if number >= MAX_ITEMS:
            raise RefusedError(Reason.OVERSIZE, "envelope", f"has more than {MAX_ITEMS} items")
        line, _, rest = rest.lstrip(b"\n").partition(b"\n")
        header = parse_object(line, f"header of item {number}")
        length = header.get("length")
        if length is None:
            payload, _, rest = rest.partition(b"\n")
        elif not isinstance(length, int) or isinstance(length, bool) or not 0 <= length <= len(rest):
            raise RefusedError(
                Reason.MALFORMED_ENVELOPE, f"length of item {number}", f"must be a number of bytes up to {len(rest)}"
            )
        else:
            payload, rest = rest[:length], rest[length:]
        yield Item(header, payload)
        number += 1
