"""An agent's queue of chunks: one of each partition, bounded by bytes, and fair to the partitions that it holds back.

Faust doesn't fetch a partition while a queue that it feeds is under pressure. What counts there is the number of
messages, and a chunk may be one record or ten thousand. And the first queue whose pressure drops lets the partition go
on, whoever else holds it back: with one slow agent of two, one partition went on filling its queue, which therefore
never dropped, and the topic's other partition was not read again for as long as the sink was slow.

A chunk costs some 10 ms however small it is. While one waits, no other of its partition is fetched: what comes
meanwhile gathers at the broker and makes the next one larger, the more so the busier the worker is. With queues of six
chunks, at 5,000 events/s on two cores, small ones waited in a row; events were visible after eight seconds, not four.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, MutableMapping
from typing import Any

from faust.types import TP, EventT
from mode.utils.queues import ThrowableQueue

from tidegate_stream.transport.chunk import Chunk

#: Of all partitions; a chunk that came before is taken whole.
WAITING_BYTES = 4 << 20

#: Which queues hold a partition back, by their ids.
Holders = MutableMapping[TP, set[int]]


class ChunkQueue(ThrowableQueue[EventT[Any]]):
    """Holds a partition back while a chunk of it waits here, and all of them above a number of bytes.

    A partition goes on when no queue holds it back: those of one app share `holders`.
    """

    def __init__(self, *args: Any, holders: Holders, waiting_bytes: int = WAITING_BYTES, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._holders, self._budget, self.bytes = holders, waiting_bytes, 0
        self._held_back: dict[TP, Callable[[], None]] = {}
        self._waiting: Counter[TP] = Counter()

    def put_nowait_enhanced(
        self, value: EventT[Any], *, on_pressure_high: Callable[[], None], on_pressure_drop: Callable[[], None]
    ) -> bool:
        """Take an event, and hold its partition back by `on_pressure_high`; returns True, for that.

        Said again for a partition that is held back already: a rebalance makes Faust forget it.
        """
        tp = value.message.tp
        self._held_back[tp] = on_pressure_drop
        self._holders.setdefault(tp, set()).add(id(self))
        on_pressure_high()
        self.force_put_nowait(value)
        return True

    def maybe_endorse_pressure_drop(self) -> None:
        """Let go of the partitions of which nothing waits. Called before each `get`."""
        if self.bytes >= self._budget:
            return
        for tp in [tp for tp in self._held_back if not self._waiting[tp]]:
            go_on, holders = self._held_back.pop(tp), self._holders.get(tp, set())
            holders.discard(id(self))
            if not holders:
                go_on()

    def clear(self) -> None:
        """Forget what waits, and let go of its partitions: an agent that waits already asks for nothing again."""
        super().clear()
        self.bytes = 0
        self._waiting.clear()
        self.maybe_endorse_pressure_drop()

    def _put(self, item: EventT[Any]) -> None:
        self.bytes += _size(item)
        self._waiting[item.message.tp] += 1
        super()._put(item)

    def _get(self) -> EventT[Any]:
        item: EventT[Any] = super()._get()
        self.bytes -= _size(item)
        self._waiting[item.message.tp] -= 1
        # The next chunk is fetched while the agent works on this one.
        self.maybe_endorse_pressure_drop()
        return item


def _size(event: EventT[Any]) -> int:
    return event.value.bytes if isinstance(event.value, Chunk) else 0
