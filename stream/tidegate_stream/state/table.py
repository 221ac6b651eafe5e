"""A Faust table as the log of deltas: Faust's changelog, recovery and rebalancing carry it unchanged."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

import faust
from faust.stores import memory
from faust.types import TP

from tidegate_stream.failpoint import crossing
from tidegate_stream.state.delta import partition_of

if TYPE_CHECKING:
    from tidegate_stream.transport.app import ChunkApp


class DeltaStore(memory.Store[bytes, bytes]):
    """The live entries of owned and standby partitions, and how far each changelog was read.

    Entries and read offset of a partition change together, so that Faust's recovery goes on where this store stands,
    after a rebalance and when a standby is promoted.
    """

    def __post_init__(self) -> None:
        """Faust calls this at the end of its constructor."""
        super().__post_init__()
        self._read: dict[TP, int] = {}

    def persisted_offset(self, tp: TP) -> int | None:
        """Last changelog offset that the entries include."""
        return self._read.get(tp)

    def set_persisted_offset(self, tp: TP, offset: int) -> None:
        """Nothing: Faust calls this for a sent record before it is stored. See `written`."""

    def written(self, tp: TP, offset: int, key: bytes, value: bytes | None) -> None:
        """Our own record is in the changelog at `offset`."""
        self._put(key, value)
        if self._read.get(tp, -1) == offset - 1:  # else another writer's records lie between: read them
            self._read[tp] = offset

    def apply_changelog_batch(
        self, batch: Iterable[Any], to_key: Callable[[Any], Any], to_value: Callable[[Any], Any]
    ) -> None:
        """Take what recovery read.

        Faust applies a record of an unknown partition to the previous record's table, so the partition is checked.
        """
        recovery: Any = cast("Any", self.app.tables).recovery
        for event in batch:
            message = event.message
            if message.tp in recovery.active_tps or message.tp in recovery.standby_tps:
                self._put(message.key, message.value)
                self._read[message.tp] = max(message.offset, self._read.get(message.tp, -1))

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Forget partitions that are neither owned nor on standby."""
        keep = active_tps | standby_tps
        partitions = {tp.partition for tp in keep}
        for key in [key for key in self.data if partition_of(key) not in partitions]:
            del self.data[key]
        for tp in self._read.keys() - keep:
            del self._read[tp]

    def _put(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            self.data.pop(key, None)
        else:
            self.data[key] = value

    def entries_of(self, partition: int) -> dict[bytes, bytes]:
        """Live entries of one source partition."""
        return {key: value for key, value in self.data.items() if partition_of(key) == partition}


class DeltaTable(faust.Table[bytes, bytes]):
    """A Faust table whose changelog carries deltas. Partition p of it belongs to source partition p."""

    #: called with the owned partitions when recovery is complete, before any chunk arrives
    recovered: Callable[[set[int]], Awaitable[None]]

    @property
    def store(self) -> DeltaStore:
        """The entries."""
        return cast("DeltaStore", self.data)

    def _new_store(self) -> DeltaStore:
        return DeltaStore(
            "memory://",
            self.app,
            self,
            table_name=self.name,
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
            loop=self.loop,
        )

    def _on_changelog_sent(self, fut: Any) -> None:
        """Nothing: `append` notes the offset together with the entry."""

    async def append(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Write one entry (None deletes it) and wait until the broker has acknowledged it."""
        sending = self.send_changelog(partition, key, value)
        await crossing("handing_over", asyncio.sleep(0))  # to the producer
        sent = await crossing("changelog_entry", sending)
        self.store.written(TP(sent.topic, sent.partition), sent.offset, key, value)

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Hand the recovered partitions to the agent.

        `Recovery.on_recovery_completed` swallows what tables raise (it uses `asyncio.wait`), so an error ends the
        process here.
        """
        try:
            await crossing("table_recovery", super().on_recovery_completed(active_tps, standby_tps))
            await self.recovered({tp.partition for tp in active_tps})
        except Exception as error:  # noqa: BLE001 - reported, and the process ends
            cast("ChunkApp", self.app).fail(error)
