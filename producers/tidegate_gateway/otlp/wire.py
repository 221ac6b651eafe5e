"""OTLP's two encodings, and its answers. In JSON, ids are hexadecimal, unlike in protobuf's own JSON mapping."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any, TypeVar

import orjson
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import DecodeError, Message
from starlette.requests import Request
from starlette.responses import Response

from tidegate_gateway.edge import retry_headers
from tidegate_gateway.errors import RefusedError
from tidegate_gateway.otlp.limits import MAX_JSON_VALUES, Fields, count_items
from tidegate_gateway.values import parse_object
from tidegate_schemas.reasons import Reason

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
_IDS = frozenset({"traceId", "spanId", "parentSpanId"})
#: As deep as protobuf itself goes; a level of it is up to two of JSON.
MAX_DEPTH = 100
MAX_JSON_DEPTH = 2 * MAX_DEPTH
M = TypeVar("M", bound=Message)


def media_type(request: Request) -> str:
    """Which of the two encodings the client speaks; the answer has the same. Raises RefusedError."""
    named = _content_type(request)
    if named not in {PROTOBUF, JSON}:
        raise RefusedError(Reason.MALFORMED_ENVELOPE, "Content-Type", f"must be {PROTOBUF} or {JSON}")
    return named


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", PROTOBUF).partition(";")[0].strip().lower()


def read_message(body: bytes, message: M, encoding: str, fields: Fields) -> M:
    """The request's message. Raises RefusedError (malformed_envelope, malformed_json, oversize).

    `fields`: where the items are that may not be too many.
    """
    try:
        if encoding == PROTOBUF:
            count_items(body, fields)
            message.ParseFromString(body)
        else:
            _JsonIds().put_in(content := parse_object(body))
            ParseDict(content, message, ignore_unknown_fields=True, max_recursion_depth=MAX_DEPTH)
    except DecodeError:
        raise RefusedError(Reason.MALFORMED_ENVELOPE, "body", "is no protobuf message of this kind") from None
    except (ParseError, RecursionError, TypeError, ValueError, AttributeError):
        # The parser expects objects and lists where they belong, and stumbles over anything else.
        raise RefusedError(Reason.MALFORMED_ENVELOPE, "body", "is no OTLP JSON of this kind") from None
    return message


class _JsonIds:
    """Writes the ids of a JSON request in base64, as protobuf's own mapping wants them; counts its values."""

    def __init__(self, left: int = MAX_JSON_VALUES) -> None:
        self._left = left

    def put_in(self, value: Any, depth: int = 0) -> None:
        """Change ids in place, at any depth. Raises RefusedError (malformed_envelope, invalid_field, oversize)."""
        if depth > MAX_JSON_DEPTH:
            raise RefusedError(Reason.MALFORMED_ENVELOPE, "body", "is nested too deep")
        members: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else enumerate(value)
        self._left -= len(value)
        if self._left < 0:
            raise RefusedError(
                Reason.OVERSIZE, "body", f"holds more than {MAX_JSON_VALUES} values; send smaller batches"
            )
        for key, item in members:
            if isinstance(item, (dict, list)):
                self.put_in(item, depth + 1)
            elif key in _IDS and isinstance(item, str):
                value[key] = _base64(key, item)


def _base64(name: str, hexadecimal: str) -> str:
    try:
        return base64.b64encode(bytes.fromhex(hexadecimal)).decode()
    except ValueError:
        raise RefusedError(Reason.INVALID_FIELD, name, "must be hexadecimal") from None


def answer(message: Message, encoding: str) -> Response:
    """A success, whole or partial."""
    body = message.SerializeToString() if encoding == PROTOBUF else orjson.dumps(MessageToDict(message))
    return Response(body, media_type=encoding)


def error_answer(request: Request, error: RefusedError) -> Response:
    """A failure: google.rpc.Status in the client's encoding."""
    text = f"{error.problem.reason.value}: {error.problem.field}: {error.problem.message}"
    if _content_type(request) == JSON:
        body, kind = orjson.dumps({"code": _code(error), "message": text}), JSON
    else:
        body, kind = _status(_code(error), text), PROTOBUF
    return Response(body, error.status, retry_headers(error), media_type=kind)


def _code(error: RefusedError) -> int:
    """gRPC's code: UNAUTHENTICATED, RESOURCE_EXHAUSTED, UNAVAILABLE or INVALID_ARGUMENT."""
    return {401: 16, 413: 8, 429: 8, 503: 14}.get(error.status, 3)


def _status(code: int, text: str) -> bytes:
    """google.rpc.Status by hand: field 1 varint code, field 2 string message."""
    message, length = text.encode(), bytearray()
    size = len(message)
    while size >= 0x80:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    length.append(size)
    return bytes([0x08, code, 0x12]) + bytes(length) + message
