"""What is sent: a request to the gateway, a record to a raw topic, or a call of the SDK."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tidegate import Client
from tidegate_schemas.topics import Kind


@dataclass(frozen=True)
class Post:
    """A request; `key` is put in where `{key}` stands in a header, and `KEY` in the body."""

    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """A record of a raw topic, with its Kafka key."""

    kind: Kind
    key: bytes
    value: bytes


@dataclass(frozen=True)
class Call:
    """Something that an application does with the SDK."""

    of: Callable[[Client], None]


Message = Post | Record | Call
KEY = "KEY-OF-THE-PROJECT"
"""Stands where the project's write key belongs."""
