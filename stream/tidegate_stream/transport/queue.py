"""An agent's queue of chunks: bounded by bytes, and fair to the partitions that it holds back.

Faust doesn't fetch a partition while a queue that it feeds is under pressure. What counts there is the number of
messages, and a chunk may be one record or ten thousand. And the first queue whose pressure drops lets the partition go
on, whoever else holds it back: with one slow agent of two, one partition went on filling its queue, which therefore
never dropped, and the topic's other partition was not read again for as long as the sink was slow.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any

from faust.types import TP, EventT
from mode.utils.queues import ThrowableQueue

from tidegate_stream.transport.chunk import Chunk

#: More may come: what was fetched before a partition is held back is taken, too.
WAITING_BYTES = 4 << 20

#: Which queues hold a partition back, by their ids.
Holders = MutableMapping[TP, set[int]]


class ChunkQueue(ThrowableQueue[EventT[Any]]):
    """Holds partitions back above a number of chunks or bytes, and lets go of all of them below half of it.

    A partition goes on when no queue holds it back: those of one app share `holders`.
    """

    def __init__(self, *args: Any, holders: Holders, waiting_bytes: int = WAITING_BYTES, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._holders, self._budget, self.bytes = holders, waiting_bytes, 0
        self._held_back: dict[TP, Callable[[], None]] = {}

    def put_nowait_enhanced(
        self, value: EventT[Any], *, on_pressure_high: Callable[[], None], on_pressure_drop: Callable[[], None]
    ) -> bool:
        """Take an event; returns whether its partition is held back, which `on_pressure_high` does.

        Said again for a partition that is held back already: a rebalance makes Faust forget it.
        """
        tp = value.message.tp
        holds = self._is_pressed(self.pressure_high_size, self._budget)
        if holds:
            self._held_back[tp] = on_pressure_drop
            self._holders.setdefault(tp, set()).add(id(self))
            on_pressure_high()
        self.force_put_nowait(value)
        return holds

    def maybe_endorse_pressure_drop(self) -> None:
        """Let go of all partitions once the pressure has dropped. Called before each `get`."""
        if not self._held_back or self._is_pressed(self.pressure_drop_size + 1, self._budget // 2):
            return
        for tp, go_on in self._held_back.items():
            holders = self._holders.get(tp, set())
            holders.discard(id(self))
            if not holders:
                go_on()
        self._held_back.clear()

    def clear(self) -> None:
        """Forget what waits."""
        super().clear()
        self.bytes = 0

    def _put(self, item: EventT[Any]) -> None:
        self.bytes += _size(item)
        super()._put(item)

    def _get(self) -> EventT[Any]:
        item: EventT[Any] = super()._get()
        self.bytes -= _size(item)
        return item

    def _is_pressed(self, chunks: int, size: int) -> bool:
        return self.qsize() >= chunks or (self.qsize() > 0 and self.bytes >= size)


def _size(event: EventT[Any]) -> int:
    return event.value.bytes if isinstance(event.value, Chunk) else 0
