"""The write key of a request: Basic with the key as user name, Bearer, or the body's writeKey."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from tidegate.foreign.values import text
from tidegate_gateway.errors import RefusedError
from tidegate_schemas.reasons import Reason


def header_key(authorization: str) -> str:
    """The key that Basic credentials name, which is known before the body is read; empty for none.

    Raises RefusedError (unauthorised) if they are none.
    """
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(credentials.strip(), validate=True).decode().partition(":")[0]
    except (binascii.Error, ValueError):
        raise RefusedError(Reason.UNAUTHORISED, "Authorization", "is no Basic credentials") from None


def body_key(authorization: str, body: Mapping[str, Any], items: list[Any]) -> str:
    """The key that the body names, itself or in its first item; else what Bearer names; empty for none.

    With OAuth, Bearer is a token and the body names the key.
    """
    first = items[0] if items and isinstance(items[0], dict) else {}
    scheme, _, credentials = authorization.partition(" ")
    bearer = credentials.strip() if scheme.lower() == "bearer" else ""
    return text(body, "writeKey") or text(first, "writeKey") or bearer
