"""A spool against its model: whatever happens to process and disk, what was appended comes out, or is told as lost."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tidegate.errors import SpoolBusyError, SpoolFullError
from tidegate.spool.frames import MARK, Damaged, Record, scan
from tidegate.spool.segments import SUFFIX, Place
from tidegate.spool.spool import Spool

MAX_BYTES = 4_000
VALUES = st.binary(max_size=40) | st.just(MARK * 5) | st.binary(min_size=200, max_size=300)


class SpoolModel(RuleBasedStateMachine):
    """`log` holds what was appended and wasn't lost, oldest first, `finished` the numbers of what is done.

    A process that begins anew is given what its predecessor had not done, and perhaps some that it had, in order.
    """

    @initialize(mark_bytes=st.sampled_from([0, 150, 10_000]))
    def begin(self, mark_bytes: int) -> None:
        self.mark_bytes = mark_bytes
        self.root = Path(tempfile.mkdtemp(prefix="spool-"))
        self.home = self.root / "one"
        self.number = 0
        self.log: list[Record] = []
        self.finished: set[bytes] = set()
        self.held: list[tuple[Place, Record]] = []
        self.harmed = False
        self.open()

    def open(self) -> None:
        unfinished = self.kept
        self.spool = Spool(self.home, max_bytes=MAX_BYTES, segment_bytes=500, mark_bytes=self.mark_bytes)
        self.log = self.log[len(self.log) - self.spool.pending :]
        assert [record for record in self.log if record in unfinished] == unfinished
        self.finished = set()
        self.held = []

    @property
    def kept(self) -> list[Record]:
        """What isn't done."""
        return [record for record in self.log if record.key not in self.finished]

    def teardown(self) -> None:
        if hasattr(self, "root"):
            shutil.rmtree(self.root)

    @rule(value=VALUES)
    def append(self, value: bytes) -> None:
        self.number += 1
        record = Record("raw.track", str(self.number).encode(), value)
        try:
            self.spool.append(record)
        except SpoolFullError:
            assert sum(len(one.value) for one in self.kept) + len(value) > MAX_BYTES / 4
        else:
            self.log.append(record)

    @rule(limit=st.integers(1, 5))
    def take(self, limit: int) -> None:
        taken = self.spool.take(limit)
        waiting = [record for record in self.kept if record not in [one for _, one in self.held]]
        assert [record for _, record in taken] == waiting[:limit]
        self.held += taken

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        place, record = data.draw(st.sampled_from(self.held))
        self.spool.done([place])
        self.held.remove((place, record))
        self.finished.add(record.key)

    @precondition(lambda self: self.held)
    @rule()
    def fail(self) -> None:
        """Some didn't arrive: they come again before all others, in order."""
        self.spool.again([place for place, _ in reversed(self.held)])
        self.held = sorted(self.held)
        assert self.spool.take(len(self.held)) == self.held

    @rule()
    def kill(self) -> None:
        """The process ends at once. Its descriptors are closed, nothing else."""
        self.spool._files.close()
        self.open()

    @precondition(lambda self: self.kept)
    @rule(junk=st.binary(min_size=1, max_size=30))
    def kill_in_a_write(self, junk: bytes) -> None:
        """A write was cut short: the newest segment ends in a part of a frame."""
        self.spool._files.close()
        newest = max(self.home.glob(f"*{SUFFIX}"))
        newest.write_bytes(newest.read_bytes() + MARK + junk)
        self.open()
        damaged = self.damaged_bytes()
        while self.spool.take(3):
            pass
        assert self.spool.lost_bytes == damaged
        self.kill()

    def damaged_bytes(self) -> int:
        """What is no frame, of all that isn't done."""
        begin = self.spool._files.done()
        found = 0
        for path in self.home.glob(f"*{SUFFIX}"):
            skipped = begin[1] if int(path.stem) == begin[0] else 0
            spans = scan(path.read_bytes(), skipped)
            found += sum(span.end - span.begin for span in spans if isinstance(span, Damaged))
        return found

    @precondition(lambda self: self.kept and not self.harmed)
    @rule(data=st.data())
    def corrupt(self, data: st.DataObject) -> None:
        """One byte on disk changes: at most the record that it belongs to is gone."""
        self.harmed = True
        self.kill()
        self.spool._files.close()
        path = data.draw(st.sampled_from(sorted(self.home.glob(f"*{SUFFIX}"))))
        content = bytearray(path.read_bytes())
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= 0xFF
        path.write_bytes(bytes(content))
        self.spool = Spool(self.home)
        taken: list[Record] = []
        while more := self.spool.take(100):
            taken += [record for _, record in more]
        gone = [record for record in self.log if record not in taken]
        assert len(gone) <= 1
        assert not gone or self.spool.lost_bytes > 0
        assert taken == [record for record in self.log if record in taken]
        self.spool._files.close()
        self.log = taken
        self.open()

    @rule()
    def nobody_else_may_have_it(self) -> None:
        with pytest.raises(SpoolBusyError):
            Spool(self.home)

    @invariant()
    def it_knows_how_many_there_are(self) -> None:
        if hasattr(self, "spool"):
            assert self.spool.pending == len(self.kept)


SpoolModel.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestSpool = SpoolModel.TestCase
