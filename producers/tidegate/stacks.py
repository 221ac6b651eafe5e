"""What an exception becomes: the fields of kind `error`, its stack as JSON. Reads tracebacks, and lines of source."""

from __future__ import annotations

import linecache
import sys
import sysconfig
from types import TracebackType
from typing import Any

from tidegate.outbox import Event
from tidegate_schemas.canonical import canonical_json

MAX_FRAMES = 100
MAX_MESSAGE_CHARACTERS = 8_192
MAX_LINE_CHARACTERS = 250
_PLATFORM = f"python {sys.version_info.major}.{sys.version_info.minor}"
_FOREIGN = tuple(
    {path for name in ("stdlib", "platstdlib", "purelib", "platlib") if (path := sysconfig.get_paths().get(name))}
)


def exception_fields(error: BaseException) -> Event:
    """An exception's type, text and stack, innermost frame last; no local variables."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return {
        "name": name,
        "message": _text(error),
        "stack": canonical_json(frames(error.__traceback__)),
        "platform": _PLATFORM,
    }


def message_fields(message: str) -> Event:
    """An error that is no exception."""
    return {"name": "message", "message": str(message)[:MAX_MESSAGE_CHARACTERS], "platform": _PLATFORM}


def frames(traceback: TracebackType | None) -> list[dict[str, Any]]:
    """The last frames of a traceback, as the schema of `stack` wants them."""
    found = []
    while traceback is not None:
        frame, code = traceback.tb_frame, traceback.tb_frame.f_code
        line = linecache.getline(code.co_filename, traceback.tb_lineno, frame.f_globals).strip()
        found.append(
            {
                "module": frame.f_globals.get("__name__") or "",
                "filename": code.co_filename,
                "function": code.co_qualname if sys.version_info >= (3, 11) else code.co_name,
                "lineno": traceback.tb_lineno,
                "context_line": line[:MAX_LINE_CHARACTERS],
                "in_app": not code.co_filename.startswith(("<", *_FOREIGN)),
            }
        )
        traceback = traceback.tb_next
    return found[-MAX_FRAMES:]


def _text(error: BaseException) -> str:
    try:
        return str(error)[:MAX_MESSAGE_CHARACTERS]
    except Exception as failure:  # noqa: BLE001 - an exception's own `__str__` may raise anything
        return f"(its text raised {type(failure).__name__})"
