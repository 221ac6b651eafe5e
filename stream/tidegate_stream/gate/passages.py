"""The passages of one raw topic's partitions, as far as this worker owns them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor

from tidegate_schemas.topics import raw_topic
from tidegate_stream.gate.passage import KindGate, Passage
from tidegate_stream.gate.transaction import PartitionTransactions


class Passages:
    """Opens them anew after each rebalance, which fences whoever had a partition meanwhile. All calls block.

    All owned partitions are fenced before the progress of any is read. A killed worker leaves transactions open in
    several partitions of several kinds, and each hides the progress of the other kinds in its partition: two gates that
    fenced one partition at a time waited for each other, each for what the other one had still to fence.
    """

    def __init__(self, gate: KindGate, brokers: str, generation: int) -> None:
        self._gate, self._brokers, self._generation = gate, brokers, generation
        self._epoch = -1
        self._fenced: dict[int, PartitionTransactions] = {}
        self._open: dict[int, Passage] = {}

    def is_open(self, partition: int, epoch: int) -> bool:
        """Whether `of` would not have to wait for a broker."""
        return epoch == self._epoch and partition in self._open

    def of(self, partition: int, epoch: int, owned: Callable[[], Collection[int]]) -> Passage:
        """The passage of a partition; `owned` are those that the worker has in this epoch."""
        if epoch != self._epoch:
            self._close()
            self._fence({partition, *owned()})
            self._epoch = epoch
        if partition not in self._open:
            fenced = self._fenced.pop(partition, None)
            self._open[partition] = Passage(self._gate, self._brokers, partition, self._generation, transactions=fenced)
        return self._open[partition]

    def _fence(self, partitions: Collection[int]) -> None:
        with ThreadPoolExecutor(len(partitions)) as pool:  # each takes the broker some round trips
            self._fenced = dict(zip(partitions, pool.map(self._transactions, partitions), strict=True))

    def _transactions(self, partition: int) -> PartitionTransactions:
        return PartitionTransactions(self._brokers, raw_topic(self._gate.gate.kind, self._generation), partition)

    def _close(self) -> None:
        for passage in self._open.values():
            passage.close()
        for transactions in self._fenced.values():
            transactions.close()
        self._open, self._fenced = {}, {}
