"""Request bodies, inflated as a stream: wire bytes and inflated bytes are both capped, for every codec."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterable, Callable
from typing import Protocol

import brotli
from backports import zstd

from tidegate_gateway.errors import RefusedError
from tidegate_schemas.reasons import Reason

_STEP_BYTES = 1 << 16
_TURN_BYTES = 1 << 20
"""After so much of a body others have their turn."""


class Inflater(Protocol):
    """Takes wire bytes; gives inflated ones, a bounded step at a time."""

    def feed(self, data: bytes, limit: int) -> bytes:
        """At most about `limit` bytes of what `data` inflates to."""

    @property
    def hungry(self) -> bool:
        """Whether more wire bytes are needed to go on."""

    @property
    def whole(self) -> bool:
        """Whether the stream came to its end."""


class _Identity:
    hungry = True
    whole = True

    def feed(self, data: bytes, limit: int) -> bytes:
        return data


class _Zlib:
    """gzip, and deflate with or without its header. Members of a gzip stream may follow each other."""

    def __init__(self, window_bits: int) -> None:
        self._bits = window_bits
        self._stream = zlib.decompressobj(window_bits)
        self._rest = b""

    def feed(self, data: bytes, limit: int) -> bytes:
        data = self._rest + data
        if self._stream.eof and data:
            self._stream = zlib.decompressobj(self._bits)
        out = self._stream.decompress(data, limit)
        self._rest = self._stream.unconsumed_tail or self._stream.unused_data
        return out

    @property
    def hungry(self) -> bool:
        return not self._rest

    @property
    def whole(self) -> bool:
        return self._stream.eof and not self._rest


class _Deflate(_Zlib):
    """Some clients send raw deflate under this name."""

    def __init__(self) -> None:
        super().__init__(zlib.MAX_WBITS)
        self._first = True

    def feed(self, data: bytes, limit: int) -> bytes:
        if self._first and data:
            self._first = False
            if data[0] & 0x0F != 8 or (len(data) > 1 and int.from_bytes(data[:2], "big") % 31):
                self._bits = -zlib.MAX_WBITS
                self._stream = zlib.decompressobj(self._bits)
        return super().feed(data, limit)


class _Zstd:
    """Frames may follow each other; a frame that has ended takes nothing more, not even no bytes."""

    def __init__(self) -> None:
        self._stream = zstd.ZstdDecompressor()

    def feed(self, data: bytes, limit: int) -> bytes:
        if self._stream.eof:
            data = self._stream.unused_data + data
            if not data:
                return b""
            self._stream = zstd.ZstdDecompressor()
        return bytes(self._stream.decompress(data, limit))

    @property
    def hungry(self) -> bool:
        return not self._stream.unused_data if self._stream.eof else bool(self._stream.needs_input)

    @property
    def whole(self) -> bool:
        return bool(self._stream.eof) and not self._stream.unused_data


class _Brotli:
    def __init__(self) -> None:
        self._stream = brotli.Decompressor()

    def feed(self, data: bytes, limit: int) -> bytes:
        return bytes(self._stream.process(data, output_buffer_limit=limit))

    @property
    def hungry(self) -> bool:
        return bool(self._stream.can_accept_more_data())

    @property
    def whole(self) -> bool:
        return bool(self._stream.is_finished())


def _inflater(encoding: str) -> Inflater:
    match encoding.strip().lower():
        case "" | "identity":
            return _Identity()
        case "gzip" | "x-gzip":
            return _Zlib(zlib.MAX_WBITS | 16)
        case "deflate":
            return _Deflate()
        case "zstd":
            return _Zstd()
        case "br":
            return _Brotli()
    raise RefusedError(Reason.MALFORMED_ENVELOPE, "Content-Encoding", "must be gzip, deflate, br, zstd or identity")


async def read_body(
    stream: AsyncIterable[bytes],
    encoding: str,
    *,
    max_wire_bytes: int,
    max_inflated_bytes: int,
    grown: Callable[[int], None],
) -> bytes:
    """The inflated body. Raises RefusedError (oversize, malformed_envelope) as soon as it is clear.

    `grown` is told how many bytes there are, and may raise as well.
    """
    inflater, wire, paused_at, out = _inflater(encoding), 0, 0, bytearray()
    try:
        async for chunk in stream:
            wire += len(chunk)
            if wire > max_wire_bytes:
                raise RefusedError(Reason.OVERSIZE, "body", f"is larger than {max_wire_bytes} bytes on the wire")
            piece = inflater.feed(chunk, _STEP_BYTES)
            out += piece
            # A full step may have taken all wire bytes in without giving all that they hold.
            while len(piece) >= _STEP_BYTES or not inflater.hungry:
                _check(len(out), max_inflated_bytes)
                if len(out) - paused_at > _TURN_BYTES:
                    grown(paused_at := len(out))
                    await asyncio.sleep(0)
                piece = inflater.feed(b"", _STEP_BYTES)
                out += piece
            _check(len(out), max_inflated_bytes)
            grown(len(out))
    except RefusedError:
        out.clear()  # the error's traceback may hold this frame for a while, and many bombs may come
        raise
    except (zlib.error, zstd.ZstdError, brotli.error, EOFError):
        raise RefusedError(Reason.MALFORMED_ENVELOPE, "body", f"is no valid {encoding} stream") from None
    if not inflater.whole:
        raise RefusedError(Reason.MALFORMED_ENVELOPE, "body", f"ends in the middle of its {encoding} stream")
    return bytes(out)


def _check(size: int, limit: int) -> None:
    if size > limit:
        raise RefusedError(Reason.OVERSIZE, "body", f"inflates to more than {limit} bytes")
