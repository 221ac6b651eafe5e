"""Keys of epochs: where they come from, how they change, and what destroying one means."""

from __future__ import annotations

import os
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from tests.waiting import wait_until

from tidegate_stream.gate import DirectoryKeys, KeyFileError, MemoryKeys, Pseudonymiser
from tidegate_stream.gate.custodian import Custodian, rotate
from tidegate_stream.gate.epochs import DAY_MICROS, EpochKey, Schedule, name_of, parse_name
from tidegate_stream.gate.key_sources import Command, Folder, Text

SECRET = "ab" * 32
NOW = datetime(2026, 11, 27, 18, tzinfo=UTC).timestamp()
DAY = 86_400


class Clock:
    """A clock that stands until it is set."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def home(tmp_path: Path, clock: Clock) -> DirectoryKeys:
    (tmp_path / "dead-letters.pub").write_text("00" * 32)
    keys = DirectoryKeys(tmp_path, ["default"], clock=clock)
    os.utime(tmp_path / "pseudonym-default.key", (clock.now, clock.now))
    return keys


@pytest.mark.parametrize(("project", "at"), [("default", 0), ("a-b_1", 1_795_802_400_000_000)])
def test_a_keys_name_tells_its_project_and_begin(project: str, at: int) -> None:
    assert parse_name(name_of(project, at)) == (project, at)


@pytest.mark.parametrize(
    "name", ["", "a b", "default@", "default@20261327T1800Z", "default@2026", f"@{SECRET}", f"{SECRET}="]
)
def test_another_name_is_refused_without_being_shown(name: str) -> None:
    with pytest.raises(KeyFileError, match="must be a project") as refused:
        parse_name(name)
    assert SECRET not in str(refused.value)


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.add("default")
    assert len(folder.read()["default"]) == 1
    folder.file("default").chmod(0o640)
    with pytest.raises(KeyFileError, match=r"others can read .* Fix: chmod 600"):
        folder.read()


def test_keys_of_a_variable_are_read_in_the_order_of_their_begins() -> None:
    rings = Text(f"default@20261127T1800Z={'cd' * 32}; default={SECRET}\nshop={SECRET}").read()
    begin = int(NOW * 1e6)
    assert rings["default"] == (EpochKey(0, b"\xab" * 32), EpochKey(begin, b"\xcd" * 32))
    assert list(rings) == ["default", "shop"]


@pytest.mark.parametrize(
    "text", [f"default={SECRET[:-2]}", f"default {SECRET}", f"default={SECRET[:-1]}x", f"{SECRET}"]
)
def test_a_variable_that_holds_no_keys_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(KeyFileError) as refused:
        Text(text).read()
    assert SECRET[:16] not in "".join(map(str, (refused.value, refused.value.__cause__, refused.value.__context__)))


def test_a_command_gives_keys_and_its_failures_say_nothing_of_what_it_printed() -> None:
    def run(script: str, seconds: float = 30.0) -> Command:
        return Command((sys.executable, "-c", script), seconds)

    assert run(f"print('default={SECRET}')").read()["default"] == (EpochKey(0, b"\xab" * 32),)
    loud = f"import sys; print('{SECRET}'); print('{SECRET}', file=sys.stderr)"
    for command, said in (
        (run(f"{loud}; sys.exit(3)"), "ended with status 3"),
        (run(loud), "must hold entries such as"),
        (run(f"{loud}; sys.stdout.flush(); import time; time.sleep(60)", 2.0), "gave no answer within 2 s"),
        (run(f"{loud.replace(SECRET, SECRET[:-2])}"), "number 1 is none"),
        (run(f"print('{SECRET}=default')"), "entry 1 must hold 64 hexadecimal digits"),
        (run(f"print('{SECRET}={SECRET}')"), "must be a project"),
        (run(f"print('default={SECRET[:-1]}ä')"), "entry 1 must hold 64 hexadecimal digits"),
        (run(f"while True: print('default={SECRET}')"), "prints more than 1048576 bytes"),
        (Command(("/nowhere/kms",)), "can't be run"),
    ):
        with pytest.raises(KeyFileError, match=said) as failed:
            command.read()
        chain = (failed.value, failed.value.__cause__)
        assert SECRET[:16] not in "".join(map(str, chain))


def test_a_command_that_hangs_is_ended_in_time_with_all_that_it_started(tmp_path: Path) -> None:
    script = f"echo $$ > {tmp_path}/pids; sleep 600 & echo $! >> {tmp_path}/pids; sleep 600"
    begun = time.monotonic()
    with pytest.raises(KeyFileError, match="the key command sh gave no answer within 1 s"):
        Command(("sh", "-c", script), 1.0).read()
    assert time.monotonic() - begun < 20
    pids = [int(line) for line in (tmp_path / "pids").read_text().split()]
    wait_until(lambda: not any(alive(pid) for pid in pids), 10, "still running")


def test_a_command_that_fails_leaves_nothing_running(tmp_path: Path) -> None:
    script = f"sleep 600 > /dev/null & echo $! > {tmp_path}/pid; exit 3"
    with pytest.raises(KeyFileError, match="ended with status 3"):
        Command(("sh", "-c", script), 10.0).read()
    wait_until(lambda: not alive(int((tmp_path / "pid").read_text())), 10, "still running")


def test_a_command_that_leaves_something_running_with_its_output_open_is_waited_for_no_longer() -> None:
    with pytest.raises(KeyFileError, match="gave no answer within 1 s"):
        Command(("sh", "-c", f"sleep 600 & echo default={SECRET}"), 1.0).read()


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_the_next_key_is_made_when_its_time_has_come_and_the_old_one_goes_after_the_overlap(tmp_path: Path) -> None:
    clock = Clock()
    keys = home(tmp_path, clock)
    custodian = Custodian(keys, Schedule(days=100, overlap_days=30), clock)
    first = keys.epochs("default")
    clock.now = NOW + 99 * DAY
    custodian.look()
    assert keys.epochs("default") is first
    clock.now = NOW + 100 * DAY
    custodian.look()
    custodian.look()
    old, new = keys.epochs("default")
    assert (old, new.begins_at) == (first[0], int((clock.now + 600) * 1e6))
    clock.now += 600 + 30 * DAY - 1
    custodian.look()
    assert len(keys.epochs("default")) == 2
    clock.now += 1
    custodian.look()
    assert keys.epochs("default") == (new,)
    assert [path.name for path in tmp_path.glob("*.key")] == [f"pseudonym-{name_of('default', new.begins_at)}.key"]
    assert DirectoryKeys(tmp_path, ["default"], clock=clock).epochs("default") == (new,)  # and isn't made anew


def test_workers_that_rotate_at_once_have_one_next_key(tmp_path: Path) -> None:
    clock = Clock()
    home(tmp_path, clock)
    clock.now += 200 * DAY
    workers = [DirectoryKeys(tmp_path, clock=clock) for _ in range(4)]
    looks = [threading.Thread(target=Custodian(keys, Schedule(100), clock).look) for keys in workers]
    for look in looks:
        look.start()
    for look in looks:
        look.join()
    clock.now += 61
    for keys in workers:
        Custodian(keys, Schedule(100), clock).look()
    assert {keys.epochs("default") for keys in workers} == {DirectoryKeys(tmp_path).epochs("default")}
    assert len(workers[0].epochs("default")) == 2


def test_a_rotation_that_was_asked_for_twice_is_one(tmp_path: Path) -> None:
    keys = home(tmp_path, Clock())
    begins = rotate(keys, int(NOW * 1e6))
    assert rotate(keys, int((NOW + 300) * 1e6)) == begins
    assert len(keys.epochs("default")) == 2


def test_keys_that_come_from_elsewhere_cannot_be_rotated_here(tmp_path: Path) -> None:
    (tmp_path / "dead-letters.pub").write_text("00" * 32)
    keys = DirectoryKeys(tmp_path, source=Text(f"default={SECRET}"))
    with pytest.raises(KeyFileError, match="openssl rand -hex 32"):
        rotate(keys, int(NOW * 1e6))


def test_what_a_broken_source_had_said_before_stays_known(tmp_path: Path) -> None:
    keys = home(tmp_path, Clock())
    known = keys.epochs("default")
    (tmp_path / "pseudonym-shop.key").touch(0o600)
    with pytest.raises(KeyFileError):
        keys.refresh()
    assert keys.epochs("default") is known


def test_a_subject_has_a_pseudonym_in_every_live_epoch_and_a_destroyed_key_unlinks_it(tmp_path: Path) -> None:
    """The control: as long as the key is there, what it made is found again."""
    clock = Clock()
    keys = home(tmp_path, clock)
    names = Pseudonymiser(keys)
    before = names.pseudonym("default", "user-1", int(NOW * 1e6))
    begin = rotate(keys, int(NOW * 1e6))["default"]
    after = names.pseudonym("default", "user-1", begin)
    assert keys.every_pseudonym("default", "user-1") == [before, after]
    assert names.former("default", "user-1", begin) == before != after
    clock.now = begin / 1e6 + 30 * DAY
    Custodian(keys, Schedule(overlap_days=30), clock).look()
    assert keys.every_pseudonym("default", "user-1") == [after]
    assert names.former("default", "user-1", begin) is None
    assert names.pseudonym("default", "user-1", begin - 1) is None  # too late for a name: nobody can tell it any more
    assert keys.every_pseudonym("nobody", "user-1") == []


def test_an_event_has_the_key_of_its_receipt_whenever_it_is_looked_at() -> None:
    epochs = tuple(EpochKey(at * DAY_MICROS, bytes([at]) * 32) for at in (0, 10, 20))
    one, two = (Pseudonymiser(MemoryKeys({"p": epochs[:count]}, bytes(32))) for count in (2, 3))
    for day in (0, 9, 10, 19):
        assert one.pseudonym("p", "x", day * DAY_MICROS) == two.pseudonym("p", "x", day * DAY_MICROS)
    assert two.pseudonym("p", "x", 20 * DAY_MICROS) != two.pseudonym("p", "x", 20 * DAY_MICROS - 1)
