"""Which generation of topics a worker reads: the one before its own for as long as that holds records, then its own.

Nothing is remembered but in Kafka. A worker that starts asks whether anything of the generation before is in flight. If
so, it runs as that generation until nothing is and nobody has written there for `quiet_seconds`, then starts itself
anew; and a worker of its own generation goes on looking, so that records of a gateway that was restarted late are taken
up, too. Starting anew replaces the program in the process: two Faust apps would share what Faust keeps globally.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from confluent_kafka import KafkaException

from tidegate_schemas.topics import raw_topic
from tidegate_stream.flight import Marks, behind, ends, in_flight, topics_read
from tidegate_stream.settings import WorkerSettings

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 0.5


class Switch:
    """What a worker runs as, and when that is over. Raises KafkaException without a broker."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._own = settings
        self._earlier = replace(settings, generation=settings.generation - 1)
        self._over = threading.Event()
        self.running = self._drained_first() or settings

    def watch(self, fail: Callable[[Exception], None]) -> None:
        """End Faust, in a thread, when the worker is to run as the other generation; then call `go_on`.

        `fail` takes what the thread can't go on after: a worker that nobody watches would never switch.
        """
        if self._own.generation > 1:
            threading.Thread(target=self._watch, args=(fail,), name="switch", daemon=True).start()

    def go_on(self) -> None:
        """Once Faust has ended: start the program anew if it ended for that. Doesn't return then."""
        if self._over.is_set():
            logging.shutdown()
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - this very program

    def _drained_first(self) -> WorkerSettings | None:
        if self._own.generation == 1:
            return None
        held = in_flight(self._own.brokers, self._earlier.generation, self._own.app_id)
        if not held:
            return None
        partitions = [number for topic, number in self._ends() if topic == raw_topic("track", self._earlier.generation)]
        log.warning("generation %d first: %d of its records are in flight", self._earlier.generation, held)
        return replace(self._earlier, partitions=len(partitions))

    def _watch(self, fail: Callable[[Exception], None]) -> None:
        wait_until_over = self._until_stragglers if self.running is self._own else self._until_drained
        try:
            wait_until_over()
        except Exception as error:  # noqa: BLE001 - reported, and the process ends
            fail(error)
        else:
            self._over.set()
            os.kill(os.getpid(), signal.SIGTERM)

    def _until_drained(self) -> None:
        """Nothing is in flight, and for so long nothing was written."""
        seen, since = self._look(), time.monotonic()
        while True:
            time.sleep(_PAUSE_SECONDS)
            now = self._look()
            if now is None or now != seen:
                seen, since = now, time.monotonic()
            elif time.monotonic() - since >= self._own.quiet_seconds and self._left(None) == 0:
                log.warning("generation %d is drained; on as %d", self._earlier.generation, self._own.generation)
                return

    def _until_stragglers(self) -> None:
        """What was there at one look is not committed at the next: whoever else reads it would have."""
        seen = self._look()
        while True:
            time.sleep(self._own.straggler_seconds)
            if seen and (left := self._left(seen)):
                log.warning("%d records were written to generation %d late", left, self._earlier.generation)
                return
            seen = self._look()

    def _ends(self) -> Marks:
        return ends(self._own.brokers, topics_read(self._earlier.generation))

    def _look(self) -> Marks | None:
        """Where the earlier topics end; None while no broker says it."""
        try:
            return self._ends()
        except KafkaException:
            return None

    def _left(self, marks: Marks | None) -> int | None:
        """Records in flight of the earlier topics, those below the marks if there are any; None while unknown."""
        try:
            if marks is None:
                return in_flight(self._own.brokers, self._earlier.generation, self._own.app_id)
            return behind(self._own.brokers, marks, self._own.app_id)
        except KafkaException:
            return None
