"""Events that another library made, through a client: what both of them say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.client import Client


def adopted(client: Client, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that the other library knows. What the client was set up with goes before what the other one says of
    service, release and environment, and what the other one doesn't know is left to the context.
    """
    settled = client.settled
    return {name: value for name, value in fields.items() if value is not None and not settled.get(name)}
