"""A gateway's application over a publisher in memory, told Sentry envelopes."""

from __future__ import annotations

import json
from typing import Any

import httpx
from nacl.public import PrivateKey
from starlette.testclient import TestClient

from tidegate.publish import MemoryPublisher
from tidegate_gateway.app import create_app
from tidegate_gateway.settings import GatewaySettings, Project
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import dead_letter_schema, outcome_schema, raw_schema
from tidegate_schemas.topics import DEAD_LETTERS, OUTCOMES, Kind, raw_topic

KEY = "public-write-key"
AUTH = {"X-Sentry-Auth": f"Sentry sentry_key={KEY}, sentry_version=7, sentry_client=test/1"}
ID = "0123456789abcdef0123456789abcdef"
PATH = "/api/1/envelope/"

Item = tuple[dict[str, Any], Any]


class Edge:
    """The application, and what it published."""

    def __init__(self, *, failing: str | None = None, **chosen: Any) -> None:
        self.publisher = MemoryPublisher(failing=failing)
        key = bytes(PrivateKey.generate().public_key)
        settings = GatewaySettings(
            "127.0.0.1", 0, "nowhere:1", (Project(1, "default", KEY),), key, max_wire_bytes=1 << 20, **chosen
        )
        self.http = TestClient(create_app(settings, self.publisher), raise_server_exceptions=False)

    def send(self, *items: Item, **header: Any) -> httpx.Response:
        """An envelope with these items and this header."""
        return self.post(envelope(*items, **header))

    def post(self, body: bytes, path: str = PATH, **headers: str) -> httpx.Response:
        """A body to a path, with the key in the header."""
        answer: httpx.Response = self.http.post(path, content=body, headers={**AUTH, **headers})
        return answer

    def events(self, kind: Kind) -> list[dict[str, Any]]:
        """Raw events as published, in order."""
        codec = RowCodec(raw_schema(kind))
        return [codec.decode(value) for _, value in self.publisher.records.get(raw_topic(kind), [])]

    def outcomes(self) -> list[dict[str, Any]]:
        """Outcomes as published."""
        codec = RowCodec(outcome_schema())
        return [codec.decode(value) for _, value in self.publisher.records.get(OUTCOMES, [])]

    def dropped(self) -> dict[tuple[str, str], int]:
        """Quantities by kind and reason, an outcome that was told twice once, as the ledger counts them."""
        kept = {row["outcome_id"]: row for row in self.outcomes() if row["outcome"] == "dropped"}
        found: dict[tuple[str, str], int] = {}
        for row in kept.values():
            key = (row["kind"], row["reason"])
            found[key] = found.get(key, 0) + row["quantity"]
        return found

    def letters(self) -> list[dict[str, Any]]:
        """Dead letters as published."""
        codec = RowCodec(dead_letter_schema())
        return [codec.decode(value) for _, value in self.publisher.records.get(DEAD_LETTERS, [])]


def envelope(*items: Item, **header: Any) -> bytes:
    """The bytes of an envelope, each item with its length."""
    lines = [json.dumps(header).encode()]
    for head, payload in items:
        content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        lines += [json.dumps({"length": len(content), **head}).encode(), content]
    return b"\n".join([*lines, b""])
