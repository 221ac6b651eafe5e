"""Asking a command for keys, in bounded time and memory. Nothing that it says is ever repeated: it may hold keys."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tidegate_stream.gate.errors import KeyFileError

MAX_ANSWER_BYTES = 1 << 20


def answer_of(arguments: Sequence[str], timeout_seconds: float) -> bytes:
    """What a command line prints, run without a shell; what it leaves running is killed if it fails.

    Blocks up to the timeout. Raises KeyFileError if it can't be run, takes too long, prints too much, or fails.
    """
    name = Path(arguments[0]).name
    until = time.monotonic() + timeout_seconds
    try:
        process = subprocess.Popen(  # noqa: S603 - the operator's own command
            list(arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise KeyFileError(f"the key command {name} can't be run: {error.strerror}") from None
    with process:
        try:
            answer = _all_of(process, name, until)
            code = process.wait(max(0.0, until - time.monotonic()))
        except (TimeoutError, subprocess.TimeoutExpired):
            _kill(process)
            raise KeyFileError(f"the key command {name} gave no answer within {timeout_seconds:g} s") from None
        except KeyFileError:
            _kill(process)
            raise
    if code:
        _kill(process)
        raise KeyFileError(
            f"the key command {name} ended with status {code}. Run it by hand to see what it says: "
            "that may hold keys, so it isn't shown here"
        )
    return answer


def _all_of(process: subprocess.Popen[bytes], name: str, until: float) -> bytes:
    """Its output up to the end. Raises TimeoutError, KeyFileError."""
    assert process.stdout is not None  # noqa: S101 - narrows the type
    output, answer = process.stdout.fileno(), b""
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while selector.select(max(0.0, until - time.monotonic())):
            part = os.read(output, 65_536)
            if not part:
                return answer
            answer += part
            if len(answer) > MAX_ANSWER_BYTES:
                raise KeyFileError(f"the key command {name} prints more than {MAX_ANSWER_BYTES} bytes: no list of keys")
    raise TimeoutError


def _kill(process: subprocess.Popen[bytes]) -> None:
    """With all that it started: its group is there for as long as one of them is."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
