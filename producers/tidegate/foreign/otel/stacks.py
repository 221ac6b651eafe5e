"""Stack traces as text, as OpenTelemetry has them in `exception.stacktrace`, made frames. Pure."""

from __future__ import annotations

import re
from typing import Any

MAX_FRAMES = 100
MAX_CHARACTERS = 65_536
_MAX_LINE = 1_000

_PYTHON = re.compile(r'File "(?P<filename>[^"]+)", line (?P<lineno>\d{1,9})(?:, in (?P<function>.+))?$')
#: Parts of a path that belong to a library or to the language itself.
_FOREIGN = re.compile(r"site-packages|dist-packages|node_modules|^node:|/lib/python\d|<frozen |^java\.|^jdk\.")


def frames(trace: str) -> list[dict[str, Any]]:
    """Frames, innermost last, of a trace of Python, JavaScript, Java or .NET; empty where none is recognised.

    Of a chain of exceptions, those of all of them in the order in which the trace has them. At most 100, the innermost.
    Takes time in proportion to the text, whatever it is.
    """
    found: list[dict[str, Any]] = []
    innermost_first = False
    for line in trace[:MAX_CHARACTERS].splitlines():
        text = line[:_MAX_LINE].strip()
        if match := _PYTHON.match(text):
            found.append(_frame(match["filename"], match["lineno"], match["function"]))
        elif text.startswith("at ") and (frame := _called(text[3:])):
            found.append(frame)
            innermost_first = True
    return found[:MAX_FRAMES][::-1] if innermost_first else found[-MAX_FRAMES:]


def _called(text: str) -> dict[str, Any] | None:
    """`f (file:line:column)` or `file:line:column`, `a.b.C.m(File:line)`, `A.B(int c) in file:line 7`."""
    head, separator, number = text.rpartition(":line ")
    if separator and number.isdecimal():
        function, _, filename = head.partition(" in ")
        return _frame(filename, number, function)
    head, separator, place = text[:-1].rpartition("(") if text.endswith(")") else ("", "", text)
    parts = place.rsplit(":", 2)
    if len(parts) == 3 and parts[1].isdecimal() and parts[2].isdecimal():
        return _frame(parts[0], parts[1], head.strip())
    if not separator:
        return None
    module, _, function = head.rpartition(".")
    filename, _, number = place.partition(":")
    return _frame(filename, number, function, module)


def _frame(filename: str, lineno: str, function: str | None, module: str = "") -> dict[str, Any]:
    named = {"module": module, "filename": filename, "function": function}
    frame: dict[str, Any] = {name: value for name, value in named.items() if value}
    if lineno.isdecimal() and len(lineno) < 10:
        frame["lineno"] = int(lineno)
    return {**frame, "in_app": not _FOREIGN.search(module or filename)}
