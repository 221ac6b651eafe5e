"""Numbers, the file that outlives their process, and what the ledger is told of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tidegate.accounts import report_closed, report_ended
from tidegate.counter import Numbering
from tidegate.counter_file import OUTSTANDING, CounterFile
from tidegate.publish import MemoryPublisher
from tidegate_schemas.numbers import numbers_in, spans
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import outcome_schema

NOON = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)


def noon() -> int:
    return int(NOON.timestamp() * 1e6)


def numbering(folder: Path | None, *, outstanding: bool = False) -> Numbering:
    return Numbering("sdk", "shop", noon, folder=folder, outstanding=outstanding)


def outcomes(publisher: MemoryPublisher) -> list[dict[str, Any]]:
    codec = RowCodec(outcome_schema())
    return [codec.decode(value) for _, value in publisher.records.get("outcomes", [])]


def abandoned(folder: Path, numbers: int, settled: set[int] | None = None) -> str:
    """A counter whose process has gone without a word: what a kill leaves."""
    gone = numbering(folder, outstanding=settled is not None)
    for _ in range(numbers):
        gone.take()
    for number in settled or ():
        gone.settle(number)
    gone.close(remove=False)
    return gone.producer_id


@given(st.sets(st.integers(1, 200)))
def test_spans_hold_the_numbers_that_they_were_given(numbers: set[int]) -> None:
    pairs = spans(numbers)
    assert numbers_in(pairs) == numbers
    assert all(pairs[place + 1] + 1 < pairs[place + 2] for place in range(0, len(pairs) - 2, 2))


def test_numbers_have_no_gaps_over_threads(tmp_path: Path) -> None:
    counter, taken = numbering(tmp_path), list[int]()
    threads = [Thread(target=lambda: taken.extend(counter.take() for _ in range(500))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(1, 2001))
    assert counter.last == 2000
    counter.close(remove=True)
    assert list(tmp_path.iterdir()) == []


def test_the_next_start_reports_a_counter_once_and_removes_it(tmp_path: Path) -> None:
    producer_id = abandoned(tmp_path, 3)
    publisher = MemoryPublisher()
    assert (report_ended(tmp_path, publisher), report_ended(tmp_path, publisher)) == (1, 0)
    (told,) = outcomes(publisher)
    assert (told["producer_id"], told["project"], told["reporter"]) == (producer_id, "shop", "sdk")
    assert (told["outcome"], told["quantity"], told["minute"]) == ("numbered", 3, NOON.replace(second=0))
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_did_not_arrive_is_made_again_under_the_same_id(tmp_path: Path) -> None:
    abandoned(tmp_path, 3)
    first, second = MemoryPublisher(failing="no broker"), MemoryPublisher()
    report_ended(tmp_path, first)
    assert len(list(tmp_path.iterdir())) == 1
    report_ended(tmp_path, second)
    assert len(outcomes(second)) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_counter_of_a_running_process_is_left_alone(tmp_path: Path) -> None:
    running = numbering(tmp_path)
    running.take()
    assert report_ended(tmp_path, MemoryPublisher()) == 0
    running.close(remove=True)


def test_what_nobody_had_answered_for_is_told_by_its_numbers(tmp_path: Path) -> None:
    abandoned(tmp_path, 6, settled={1, 2, 5})
    publisher = MemoryPublisher()
    report_ended(tmp_path, publisher)
    told = {each["outcome"]: each for each in outcomes(publisher)}
    assert (told["numbered"]["quantity"], told["dropped"]["quantity"]) == (6, 3)
    assert (told["dropped"]["reason"], told["dropped"]["sequences"]) == ("unanswered", [3, 4, 6, 6])


def test_damaged_counters_are_removed_and_keep_nobody_from_starting(tmp_path: Path) -> None:
    (tmp_path / "short.counter").write_bytes(b"tide")
    (tmp_path / "other.counter").write_bytes(b"x" * 8192)
    (tmp_path / "torn.counter").write_bytes(b"tidegate" + b"\x03" + b"\x00" * 23 + b"\x05\x00{oops" + b"\x00" * 8192)
    abandoned(tmp_path, 2)
    publisher = MemoryPublisher()
    assert report_ended(tmp_path, publisher) == 1
    assert [each["quantity"] for each in outcomes(publisher)] == [2]
    assert list(tmp_path.iterdir()) == []


def test_a_counter_that_gave_nothing_out_has_nothing_to_tell(tmp_path: Path) -> None:
    abandoned(tmp_path, 0)
    assert report_ended(tmp_path, MemoryPublisher()) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_producer_that_ends_says_its_last_number() -> None:
    counter, publisher, told = numbering(None), MemoryPublisher(), list[str | None]()
    report_closed(counter, publisher, NOON, told.append)
    assert outcomes(publisher) == []
    counter.take()
    report_closed(counter, publisher, NOON, told.append)
    (closed,) = outcomes(publisher)
    assert (closed["outcome"], closed["quantity"]) == ("closed", 1)
    assert told == [None, None]


def test_numbers_go_on_without_a_folder_to_write_to(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    counter = numbering(tmp_path / "file")
    assert (counter.take(), counter.take(), counter.file) == (1, 2, None)


def test_a_locked_file_is_gone_for_others_once_it_is_removed(tmp_path: Path) -> None:
    abandoned(tmp_path, 1)
    (first,) = list(CounterFile.left(tmp_path))
    assert list(CounterFile.left(tmp_path)) == []
    first.close(remove=True)
    assert list(CounterFile.left(tmp_path)) == []


def test_a_block_is_outstanding_until_it_is_settled_round_the_end_of_the_marks_too(tmp_path: Path) -> None:
    counter = numbering(tmp_path, outstanding=True)
    assert counter.file is not None
    size = len(counter.file.memory) - OUTSTANDING
    counter.settle_block(counter.take_block(size - 3))
    block = counter.take_block(10)
    said = counter.file.read()
    assert said is not None
    assert said.outstanding == [block[0], block[-1]]
    counter.settle_block(block[:6])
    said = counter.file.read()
    assert said is not None
    assert said.outstanding == [block[6], block[-1]]
    counter.settle_block(range(0))
    counter.close(remove=True)
