"""OTLP's two encodings, and its answers. In JSON, ids are hexadecimal, unlike in protobuf's own JSON mapping."""

from __future__ import annotations

from typing import TypeVar

import orjson
from google.protobuf.json_format import MessageToDict, ParseError
from google.protobuf.message import DecodeError, Message
from starlette.requests import Request
from starlette.responses import Response

from tidegate_gateway.edge import retry_headers
from tidegate_gateway.errors import RefusedError
from tidegate_gateway.otlp.json_messages import Path, fill
from tidegate_gateway.otlp.limits import Fields, count_items
from tidegate_gateway.turns import Slices
from tidegate_gateway.values import parse_object
from tidegate_schemas.reasons import Reason

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
M = TypeVar("M", bound=Message)


def media_type(request: Request) -> str:
    """Which of the two encodings the client speaks; the answer has the same. Raises RefusedError."""
    named = _content_type(request)
    if named not in {PROTOBUF, JSON}:
        raise RefusedError(Reason.MALFORMED_ENVELOPE, "Content-Type", f"must be {PROTOBUF} or {JSON}")
    return named


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", PROTOBUF).partition(";")[0].strip().lower()


def read_message(body: bytes, message: M, encoding: str, fields: Fields, path: Path) -> Slices[M]:
    """The request's message. Raises RefusedError (malformed_envelope, malformed_json, oversize).

    `fields` and `path`: where the items are, in protobuf and in JSON.
    """
    try:
        if encoding == PROTOBUF:
            yield from count_items(body, fields)
            message.ParseFromString(body)
        else:
            yield from fill(message, parse_object(body), path)
    except DecodeError:
        raise RefusedError(Reason.MALFORMED_ENVELOPE, "body", "is no protobuf message of this kind") from None
    except (ParseError, RecursionError, TypeError, ValueError, AttributeError):
        # The parser expects objects and lists where they belong, and stumbles over anything else.
        raise RefusedError(Reason.MALFORMED_ENVELOPE, "body", "is no OTLP JSON of this kind") from None
    return message


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
