"""Identities of events: UUIDv7 where an event is born, UUIDv8 derived from a foreign protocol's own ids."""

import hashlib
import os
import threading
import time
from collections.abc import Callable

__all__ = ["EventIds", "derived_event_id", "new_event_id", "new_event_ids"]

_COUNTER_LIMIT = 1 << 12
_COUNTER_SEED_MASK = (1 << 11) - 1
_RANDOM_MASK = (1 << 62) - 1
_VARIANT = 0b10 << 62
_SIZES = [size.to_bytes(8, "big") for size in range(256)]
_VARIANT_DIGITS = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))


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

    def many(self, count: int) -> list[str]:
        """Mint so many ids at once, for a third of the cost."""
        now = self._clock() // 1_000_000
        entropy = self._random(8 * count + 2)
        with self._lock:
            if now > self._millis:
                self._millis, self._counter = now, int.from_bytes(entropy[-2:], "big") & _COUNTER_SEED_MASK
            first = (self._millis << 12 | self._counter) + 1
            self._millis, self._counter = divmod(first + count - 1, _COUNTER_LIMIT)
        digits, ids = entropy.hex(), list[str]()
        for place in range(count):
            at, stamp = 16 * place, f"{first + place:015x}"
            variant = _VARIANT_DIGITS[digits[at]]
            ids.append(
                f"{stamp[:8]}-{stamp[8:12]}-7{stamp[12:]}-{variant}{digits[at + 1 : at + 4]}-{digits[at + 4 : at + 16]}"
            )
        return ids

    def unlock(self) -> None:
        """Forget who holds the lock: a fork while another thread held it would leave it locked in the child."""
        self._lock = threading.Lock()


def derived_event_id(*parts: str) -> str:
    """Derive an id from parts that name the event, as UUIDv8 text: the same parts give the same id, in any process.

    Parts are length-prefixed before hashing, so that ("ab", "c") and ("a", "bc") differ.
    """
    named = bytearray()
    for part in parts:
        try:
            data = part.encode()
        except UnicodeEncodeError:  # half a character
            data = part.encode("utf-8", "surrogatepass")
        size = len(data)
        named += (_SIZES[size] if size < 256 else size.to_bytes(8, "big")) + data
    digits = hashlib.sha256(named).hexdigest()
    variant = _VARIANT_DIGITS[digits[16]]
    return f"{digits[:8]}-{digits[8:12]}-8{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


def _text(value: int) -> str:
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


_process_ids = EventIds()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_process_ids.unlock)


def new_event_id() -> str:
    """Mint an event id: UUIDv7 text, ascending within the process."""
    return _process_ids.new()


def new_event_ids(count: int) -> list[str]:
    """Mint so many event ids at once."""
    return _process_ids.many(count)
