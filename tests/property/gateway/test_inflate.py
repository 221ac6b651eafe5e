"""A body of any size, in any encoding, cut anywhere on its way, is read whole."""

from __future__ import annotations

import asyncio
import gzip
import random
import zlib
from collections.abc import AsyncIterator, Callable

import brotli
import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate_gateway.errors import RefusedError
from tidegate_gateway.inflate import read_body

STEP_BYTES = 1 << 16
CODECS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "raw deflate": lambda body: zlib.compress(body, wbits=-zlib.MAX_WBITS),
    "zstd": zstd.compress,
    "br": lambda body: brotli.compress(body, quality=4),
    "identity": bytes,
}
# A step of inflating may end just where the body does, or hold all of its wire bytes and not all of the body.
SIZES = st.one_of(
    st.integers(0, 300_000),
    st.builds(lambda steps, more: max(0, steps * STEP_BYTES + more), st.integers(0, 4), st.integers(-3, 3)),
)


def read(packed: bytes, encoding: str, cuts: list[int]) -> bytes:
    async def chunks() -> AsyncIterator[bytes]:
        for first, end in zip([0, *cuts], [*cuts, len(packed)], strict=True):
            yield packed[first:end]

    limits = {"max_wire_bytes": 1_000_000, "max_inflated_bytes": 1_000_000}
    return asyncio.run(read_body(chunks(), encoding.removeprefix("raw "), **limits, grown=lambda _bytes: None))


@pytest.mark.parametrize("encoding", CODECS)
@given(size=SIZES, tame=st.booleans(), seed=st.integers(0, 2**32), places=st.lists(st.floats(0, 1), max_size=4))
@settings(max_examples=40, deadline=None)
def test_what_was_packed_is_read(encoding: str, size: int, tame: bool, seed: int, places: list[float]) -> None:
    body = b"x" * size if tame else random.Random(seed).randbytes(size)
    packed = CODECS[encoding](body)
    assert read(packed, encoding, sorted(int(place * len(packed)) for place in places)) == body


@pytest.mark.parametrize("encoding", [name for name in CODECS if name != "identity"])
@given(size=SIZES, lost=st.integers(1, 9))
@settings(max_examples=20, deadline=None)
def test_what_was_cut_short_is_refused(encoding: str, size: int, lost: int) -> None:
    packed = CODECS[encoding](random.Random(size).randbytes(size))
    with pytest.raises(RefusedError, match="in the middle of its"):
        read(packed[:-lost] or packed[:0], encoding, [])
