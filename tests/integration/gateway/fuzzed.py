"""`fuzzed.py PORT [broken]`: a gateway that keeps nothing, to be fuzzed; `broken` has a fault on purpose."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import uvicorn
from nacl.public import PrivateKey

from tidegate.publish import MemoryPublisher, OnDelivery
from tidegate_gateway.app import create_app
from tidegate_gateway.intake import Event
from tidegate_gateway.segment import items
from tidegate_gateway.segment.mapping import Request, to_event
from tidegate_gateway.serve import server_config
from tidegate_gateway.settings import GatewaySettings, Project

KEY = "public-write-key"


class Nowhere(MemoryPublisher):
    """Takes everything, and keeps nothing: so what memory grows by is the gateway's own."""

    def put(self, topic: str, key: bytes, value: bytes, on_delivery: OnDelivery | None) -> None:
        if on_delivery:
            on_delivery(None)


def stumbling(item: Mapping[str, Any], request: Request) -> Event:
    """A mapping that believes what is sent: members of another type end in an error that nobody expects."""
    for name in ("properties", "traits", "context"):
        dict(item.get(name) or {})
    return to_event(item, request)


def main(port: str, how: str = "") -> None:
    """Serve until SIGTERM."""
    if how == "broken":
        vars(items)["to_event"] = stumbling
    key = bytes(PrivateKey.generate().public_key)
    settings = GatewaySettings("127.0.0.1", int(port), "nowhere:1", (Project(1, "default", KEY),), key)
    config = server_config(settings, create_app(settings, Nowhere()))
    config.log_level = "critical"
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
