"""Request and response codecs: HTTP content encodings, and ClickHouse's own checksummed blocks (`compress=1`)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import Any, Protocol

import lz4.block
import lz4.frame
from backports import zstd

try:  # checksum of ClickHouse's block format; without it `compress=1` and `decompress=1` are refused
    from clickhouse_cityhash.cityhash import CityHash128
except ImportError:  # pragma: no cover
    CityHash128 = None

ENCODINGS = ("zstd", "lz4", "gzip", "deflate")
BLOCK_BYTES = 1 << 20
MAX_BLOCK_BYTES = 128 << 20


class Codec(Protocol):
    """Turns bytes into bytes, piece by piece."""

    def feed(self, data: bytes) -> bytes:
        """Take bytes, return what they make."""

    def finish(self) -> bytes:
        """What is left at the end."""


class _Plain:
    def feed(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        return b""


class _Calls:
    def __init__(self, feed: Callable[[bytes], bytes], finish: Callable[[], bytes], begin: bytes = b"") -> None:
        self._feed, self._finish, self._begin = feed, finish, begin

    def feed(self, data: bytes) -> bytes:
        begin, self._begin = self._begin, b""
        return begin + self._feed(data)

    def finish(self) -> bytes:
        begin, self._begin = self._begin, b""
        return begin + self._finish()


class _Frames:
    """Decompresses frames that follow each other, as some clients send one a chunk."""

    def __init__(self, new: Callable[[], Any]) -> None:
        self._new, self._current, self._begun = new, new(), False

    def feed(self, data: bytes) -> bytes:
        out = []
        self._begun = self._begun or bool(data)
        while data:
            if self._current.eof:
                self._current = self._new()
            out.append(self._current.decompress(data))
            data = (self._current.unused_data or b"") if self._current.eof else b""
        return b"".join(out)

    def finish(self) -> bytes:
        if self._begun and not self._current.eof:
            raise ValueError("the compressed data end early")
        return b""


class _BlockReader:
    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> bytes:
        self._buffer += data
        out = []
        while len(self._buffer) >= 25:
            checksum, (method, packed, plain) = bytes(self._buffer[:16]), struct.unpack_from("<BII", self._buffer, 16)
            if packed < 9 or max(packed, plain) > MAX_BLOCK_BYTES:
                raise ValueError(f"Impossible size of a compressed block: {packed} bytes for {plain}")
            if len(self._buffer) < 16 + packed:
                break
            block = bytes(self._buffer[16 : 16 + packed])
            del self._buffer[: 16 + packed]
            if _checksum(block) != checksum:
                raise ValueError("Checksum doesn't match: corrupted data")
            out.append(_unpack(method, block[9:], plain))
        return b"".join(out)

    def finish(self) -> bytes:
        if self._buffer:
            raise ValueError(f"{len(self._buffer)} bytes of an unfinished compressed block")
        return b""


class _BlockWriter:
    def feed(self, data: bytes) -> bytes:
        return b"".join(_pack(data[at : at + BLOCK_BYTES]) for at in range(0, len(data), BLOCK_BYTES))

    def finish(self) -> bytes:
        return b""


def _checksum(block: bytes) -> bytes:
    value = CityHash128(block)
    return struct.pack("<QQ", value >> 64, value & 0xFFFFFFFFFFFFFFFF)  # what clickhouse-go checks


def _unpack(method: int, body: bytes, plain: int) -> bytes:
    if method == 0x82:
        return bytes(lz4.block.decompress(body, uncompressed_size=plain))
    if method == 0x90:
        return bytes(zstd.decompress(body))
    if method == 0x02:
        return bytes(body)
    raise ValueError(f"Unknown compression method {method:#x}; allowed: 0x82 (LZ4), 0x90 (ZSTD), 0x02 (none)")


def _pack(data: bytes) -> bytes:
    body = lz4.block.compress(data, store_size=False)
    block = struct.pack("<BII", 0x82, len(body) + 9, len(data)) + body
    checked: bytes = _checksum(block) + block
    return checked


def block_codec(*, reading: bool) -> Codec:
    """ClickHouse's own checksummed blocks. Raises ValueError without their library."""
    if CityHash128 is None:
        raise ValueError("compress=1 and decompress=1 need the package clickhouse-cityhash")
    return _BlockReader() if reading else _BlockWriter()


def decompressor(encoding: str) -> Codec:
    """By Content-Encoding. Raises ValueError for an unknown one."""
    if encoding in ("", "identity"):
        return _Plain()
    if encoding == "gzip":
        return _Frames(lambda: zlib.decompressobj(31))
    if encoding == "deflate":
        return _Frames(zlib.decompressobj)
    if encoding == "zstd":
        return _Frames(zstd.ZstdDecompressor)
    if encoding == "lz4":
        return _Frames(lz4.frame.LZ4FrameDecompressor)
    raise ValueError(f"Unknown Content-Encoding {encoding!r}; allowed: {', '.join(ENCODINGS)}")


def compressor(encoding: str) -> Codec:
    """By Content-Encoding; "" for none."""
    if encoding == "":
        return _Plain()
    if encoding in ("gzip", "deflate"):
        deflate = zlib.compressobj(3, zlib.DEFLATED, 31 if encoding == "gzip" else 15)
        return _Calls(deflate.compress, deflate.flush)
    if encoding == "zstd":
        zstandard = zstd.ZstdCompressor(level=1)
        return _Calls(zstandard.compress, zstandard.flush)
    frame = lz4.frame.LZ4FrameCompressor()
    return _Calls(frame.compress, frame.flush, frame.begin())


def negotiate(accept: str) -> str:
    """First of our encodings, in the client's order, that it accepts; "" for none."""
    for offer in accept.split(","):
        name, _, quality = offer.strip().partition(";")
        if name in ENCODINGS and quality.replace(" ", "") != "q=0":
            return name
    return ""
