"""A delta: the rows that a flush changed, with the fence and watermark that they reach, as changelog entries.

Keys are `partition/fence/after/kind/page/pages`. Content is a function of the key, so nobody overwrites another's
entry with other content, a zombie neither. A delta too large for one message is cut into pages; it counts only when
all of them are there, which each page's key says.
"""

from __future__ import annotations

import io
import struct
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

#: Rows' bytes (uncompressed) in one changelog entry; the broker takes messages up to 16 MiB.
PAGE_BYTES = 8 << 20
_WATERMARK = struct.Struct("<q")


@dataclass(frozen=True)
class Delta:
    """Rows that changed in `(after, fence]`, as of `fence`; a snapshot holds all rows.

    The column `_changed` tells which rows a sink may not have seen before this delta. `watermark` is in µs since the
    epoch.
    """

    partition: int
    after: int
    fence: int
    snapshot: bool
    watermark: int
    rows: pl.DataFrame

    def entries(self, page_bytes: int = PAGE_BYTES) -> list[tuple[bytes, bytes]]:
        """Changelog keys and values, at least one, in page order."""
        pages = max(1, -(-int(self.rows.estimated_size()) // page_bytes))
        height = max(1, -(-self.rows.height // pages))
        pages = max(1, -(-self.rows.height // height))
        kind = "s" if self.snapshot else "d"
        stem = f"{self.partition}/{self.fence:020d}/{self.after:020d}/{kind}"
        return [
            (f"{stem}/{page}/{pages}".encode(), self._encode(self.rows.slice(page * height, height)))
            for page in range(pages)
        ]

    def _encode(self, rows: pl.DataFrame) -> bytes:
        out = io.BytesIO(_WATERMARK.pack(self.watermark))
        out.seek(0, io.SEEK_END)
        rows.write_ipc(out, compression="lz4")
        return out.getvalue()


@dataclass(frozen=True, order=True)
class EntryKey:
    """What a changelog key says."""

    partition: int
    fence: int
    after: int
    kind: str
    page: int
    pages: int

    @classmethod
    def parse(cls, key: bytes) -> EntryKey:
        """The parts of a key that `Delta.entries` made."""
        partition, fence, after, kind, page, pages = key.decode().split("/")
        return cls(int(partition), int(fence), int(after), kind, int(page), int(pages))


def partition_of(key: bytes) -> int:
    """Source partition that an entry belongs to."""
    return int(key.split(b"/", 1)[0])


def fence_of(key: bytes) -> int:
    """Fence that an entry's delta reaches."""
    return int(key.split(b"/", 2)[1])


def assemble(entries: Mapping[bytes, bytes]) -> list[Delta]:
    """The deltas whose pages are all there."""
    pages: defaultdict[tuple[int, int, int, str, int], dict[int, bytes]] = defaultdict(dict)
    for raw, value in entries.items():
        key = EntryKey.parse(raw)
        pages[key.partition, key.fence, key.after, key.kind, key.pages][key.page] = value
    deltas = []
    for (partition, fence, after, kind, count), values in pages.items():
        if len(values) == count:
            watermark = _WATERMARK.unpack_from(values[0])[0]
            frames = [pl.read_ipc(io.BytesIO(values[page][_WATERMARK.size :])) for page in range(count)]
            deltas.append(Delta(partition, after, fence, kind == "s", watermark, pl.concat(frames)))
    return deltas


def chain(deltas: Iterable[Delta]) -> list[Delta]:
    """The latest snapshot and the deltas above it, in order, as far as they connect.

    Of deltas that reach the same fence, the one that reaches furthest back comes first; what a zombie left behind
    is redundant and falls out.
    """
    ordered = sorted(deltas, key=lambda delta: (delta.fence, delta.after))
    base = max((delta for delta in ordered if delta.snapshot), key=lambda delta: delta.fence, default=None)
    out, fence = ([base], base.fence) if base else ([], -1)
    for delta in ordered:
        if not delta.snapshot and delta.fence > fence and delta.after <= fence:
            out.append(delta)
            fence = delta.fence
    return out
