"""Timed operations: `with client.span("checkout"):`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar, Token
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, TypedDict, Unpack

from tidegate.scope import context
from tidegate.settings import Who

Operation = Literal["request", "query", "client", "internal"]
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?\Z")
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16


class SpanFields(TypedDict, total=False):
    """What a span says besides its name and times."""

    status: Literal["ok", "error"]
    status_code: int
    route: str
    method: str
    statement: str
    db_system: str
    properties: Mapping[str, Any]


#: Takes a finished span: its fields, and whose it is.
Finish = Callable[[dict[str, Any], Mapping[str, Any]], None]


class Span:
    """One operation, from `with` (or `async with`) to the end of its block; an exception makes its status error.

    Events of the block carry its `trace_id`, spans in it have it as their parent. Not thread-safe.
    """

    def __init__(
        self,
        finish: Finish,
        clock: Callable[[], datetime],
        timer: Callable[[], float],
        name: str,
        operation: Operation,
        who: Who,
        *,
        traceparent: str | None = None,
    ) -> None:
        self._finish, self._clock, self._timer = finish, clock, timer
        self._name, self._operation, self._who = name, operation, dict(who)
        self._said: dict[str, Any] = {}
        self._traceparent = traceparent
        self.trace_id, self.span_id = "", os.urandom(8).hex()
        self.parent_span_id: str | None = None

    def say(self, name: str | None = None, *, who: Who | None = None, **fields: Unpack[SpanFields]) -> None:
        """Add what is known later: a status, a route, another name."""
        if name is not None:
            self._name = name
        self._who.update(who or {})
        self._said.update(fields)

    def __enter__(self) -> Span:
        parent = _ACTIVE.get()
        if self._traceparent is not None and (remote := parsed(self._traceparent)) is not None:
            self.trace_id, self.parent_span_id = remote
        elif parent is not None:
            self.trace_id, self.parent_span_id = parent.trace_id, parent.span_id
        else:
            self.trace_id, self.parent_span_id = os.urandom(16).hex(), None
        self._token: Token[Span | None] = _ACTIVE.set(self)
        self._context = context(trace_id=self.trace_id)
        self._context.__enter__()
        self._began_at, self._began = self._clock(), self._timer()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.leave()
        self.end(error)

    def leave(self) -> None:
        """What follows is no part of it, although it may go on. For what can't be one block; else `with` does it."""
        with suppress(ValueError):  # another context than it was entered in: nothing is to be undone there
            self._context.__exit__(None, None, None)
        with suppress(ValueError):
            _ACTIVE.reset(self._token)

    def end(self, error: BaseException | None = None) -> None:
        """It is over."""
        fields = {
            "name": self._name,
            "operation": self._operation,
            "occurred_at": self._began_at,
            "duration_seconds": max(0.0, self._timer() - self._began),
            "trace_id": self.trace_id,
            "span_id": self.span_id,
            "parent_span_id": self.parent_span_id,
            "status": "ok" if error is None else "error",
            **self._said,
        }
        self._finish(fields, self._who)

    async def __aenter__(self) -> Span:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)


_ACTIVE: ContextVar[Span | None] = ContextVar("tidegate_span", default=None)


def active() -> Span | None:
    """The innermost span around this line."""
    return _ACTIVE.get()


def parsed(traceparent: str) -> tuple[str, str] | None:
    """Trace id and parent's span id of W3C's header; None for anything else."""
    found = _TRACEPARENT.match(traceparent.strip().lower())
    if found is None or found[1] == _NO_TRACE or found[2] == _NO_SPAN:
        return None
    return found[1], found[2]
