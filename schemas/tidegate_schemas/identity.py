"""Identities of events: UUIDv7 where an event is born, UUIDv8 derived from a foreign protocol's own ids."""

import hashlib
import os
import threading
import time
from collections.abc import Callable

__all__ = ["EventIds", "derived_event_id", "new_event_id"]

_COUNTER_LIMIT = 1 << 12
_COUNTER_SEED_MASK = (1 << 11) - 1
_RANDOM_MASK = (1 << 62) - 1
_VARIANT = 0b10 << 62


class EventIds:
    """Mints UUIDv7 texts that ascend within a process, whatever the clock does; safe to call from any thread.

    The 12 bits after the milliseconds count up within a millisecond, from a random start in their lower half; a
    full counter or a clock that goes back borrows from the next millisecond. The other 62 bits are random at each
    call, so that forked children never repeat their parent.
    """

    def __init__(self, clock: Callable[[], int] = time.time_ns, random: Callable[[int], bytes] = os.urandom) -> None:
        self._clock = clock
        self._random = random
        self._lock = threading.Lock()
        self._millis = -1
        self._counter = 0

    def new(self) -> str:
        """Mint the next id, as canonical lower-case text."""
        bits = int.from_bytes(self._random(10), "big")
        now = self._clock() // 1_000_000
        with self._lock:
            if now > self._millis:
                self._millis, self._counter = now, (bits >> 64) & _COUNTER_SEED_MASK
            elif self._counter + 1 < _COUNTER_LIMIT:
                self._counter += 1
            else:
                self._millis, self._counter = self._millis + 1, (bits >> 64) & _COUNTER_SEED_MASK
            high = self._millis << 16 | 0x7000 | self._counter
        return _text(high << 64 | _VARIANT | bits & _RANDOM_MASK)

    def unlock(self) -> None:
        """Forget who holds the lock: a fork while another thread held it would leave it locked in the child."""
        self._lock = threading.Lock()


def derived_event_id(*parts: str) -> str:
    """Derive an id from parts that name the event, as UUIDv8 text: the same parts give the same id, in any process.

    Parts are length-prefixed before hashing, so that ("ab", "c") and ("a", "bc") differ.
    """
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    value = int.from_bytes(digest.digest()[:16], "big")
    high = (value >> 64) & ~0xF000 | 0x8000
    return _text(high << 64 | _VARIANT | value & _RANDOM_MASK)


def _text(value: int) -> str:
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


_process_ids = EventIds()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_process_ids.unlock)


def new_event_id() -> str:
    """Mint an event id: UUIDv7 text, ascending within the process."""
    return _process_ids.new()
