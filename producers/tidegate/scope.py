"""What holds for all events of a block of code: contextvars, so that threads and tasks don't see each other's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Unpack

from tidegate.settings import Who

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_CURRENT: ContextVar[Mapping[str, Any]] = ContextVar("tidegate_context", default=_NOTHING)


def current() -> Mapping[str, Any]:
    """What the blocks around this line have said."""
    return _CURRENT.get()


@contextmanager
def context(**who: Unpack[Who]) -> Iterator[None]:
    """Events of this block (of its thread or task, and of tasks started in it) carry these fields.

    An inner block adds to an outer one and overrides it; what a call says itself goes before both. In async code, use
    it with a plain `with`.
    """
    token = _CURRENT.set({**_CURRENT.get(), **who})
    try:
        yield
    finally:
        _CURRENT.reset(token)
