"""OTLP's two encodings, and its answers. In JSON, ids are hexadecimal, unlike in protobuf's own JSON mapping."""

from __future__ import annotations

import base64
from typing import Any, TypeVar

import orjson
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import DecodeError, Message
from starlette.requests import Request
from starlette.responses import Response

from tidegate_gateway.edge import retry_headers
from tidegate_gateway.errors import RefusedError
from tidegate_gateway.values import parse_object
from tidegate_schemas.reasons import Reason

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
_IDS = frozenset({"traceId", "spanId", "parentSpanId"})
M = TypeVar("M", bound=Message)


def media_type(request: Request) -> str:
    """Which of the two encodings the client speaks; the answer has the same. Raises RefusedError."""
    named = request.headers.get("content-type", PROTOBUF).partition(";")[0].strip().lower()
    if named not in {PROTOBUF, JSON}:
        raise RefusedError(Reason.MALFORMED_ENVELOPE, "Content-Type", f"must be {PROTOBUF} or {JSON}")
    return named


def read_message(body: bytes, message: M, encoding: str) -> M:
    """The request's message. Raises RefusedError (malformed_envelope, malformed_json)."""
    try:
        if encoding == PROTOBUF:
            message.ParseFromString(body)
        else:
            ParseDict(
                _with_base64_ids(parse_object(body), 0), message, ignore_unknown_fields=True, max_recursion_depth=32
            )
    except DecodeError:
        raise RefusedError(Reason.MALFORMED_ENVELOPE, "body", "is no protobuf message of this kind") from None
    except (ParseError, RecursionError):
        raise RefusedError(Reason.MALFORMED_ENVELOPE, "body", "is no OTLP JSON of this kind") from None
    return message


def _with_base64_ids(value: Any, depth: int) -> Any:
    if depth > 64:
        raise RefusedError(Reason.MALFORMED_ENVELOPE, "body", "is nested too deep")
    if isinstance(value, list):
        return [_with_base64_ids(item, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _base64(item) if key in _IDS and isinstance(item, str) else _with_base64_ids(item, depth + 1)
        for key, item in value.items()
    }


def _base64(hexadecimal: str) -> str:
    try:
        return base64.b64encode(bytes.fromhex(hexadecimal)).decode()
    except ValueError:
        raise RefusedError(Reason.INVALID_FIELD, "traceId", "ids must be hexadecimal") from None


def answer(message: Message, encoding: str) -> Response:
    """A success, whole or partial."""
    body = message.SerializeToString() if encoding == PROTOBUF else orjson.dumps(MessageToDict(message))
    return Response(body, media_type=encoding)


def error_answer(request: Request, error: RefusedError) -> Response:
    """A failure: google.rpc.Status in the client's encoding."""
    text = f"{error.problem.reason.value}: {error.problem.field}: {error.problem.message}"
    if request.headers.get("content-type", "").startswith(JSON):
        body, kind = orjson.dumps({"code": _code(error), "message": text, "error": error.problem.as_json()}), JSON
    else:
        body, kind = _status(_code(error), text), PROTOBUF
    return Response(body, error.status, retry_headers(error), media_type=kind)


def _code(error: RefusedError) -> int:
    """gRPC's code: UNAUTHENTICATED, UNAVAILABLE or INVALID_ARGUMENT."""
    return {401: 16, 503: 14}.get(error.status, 3)


def _status(code: int, text: str) -> bytes:
    """google.rpc.Status by hand: field 1 varint code, field 2 string message."""
    message, length = text.encode(), bytearray()
    size = len(message)
    while size >= 0x80:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    length.append(size)
    return bytes([0x08, code, 0x12]) + bytes(length) + message
