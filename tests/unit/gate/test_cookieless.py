"""Visitors without consent: one a day, over midnight if they stay, and nobody's once the salt is gone."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.property.stream.test_gate_law import raw_frame
from tests.unit.gate.raw_events import track_record

from tidegate_stream.gate import DirectoryKeys, Gate, GateResult, KeyFileError, Records, Seen
from tidegate_stream.gate.cookieless import Visits, visitor_of
from tidegate_stream.gate.custodian import Custodian
from tidegate_stream.gate.epochs import Schedule
from tidegate_stream.gate.salts import FolderSalts

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
CHROME = "Mozilla/5.0 (Windows NT 10.0) Chrome/120.0.0.0 Safari/537.36"


class Stack:
    """A gate with keys in a folder, at a time that can be set."""

    def __init__(self, folder: Path) -> None:
        self.now = MIDNIGHT.timestamp() - 3600
        (folder / "dead-letters.pub").write_text("00" * 32)
        self.keys = DirectoryKeys(folder, ["default"], clock=lambda: self.now)
        self.gate, self.visits, self.folder = Gate("track", self.keys), Visits(), folder

    def passed(self, minute: float, **fields: Any) -> GateResult:
        """One event so many minutes after midnight, taken at once."""
        received = MIDNIGHT + timedelta(minutes=minute)
        self.now = received.timestamp()
        return self.taken(received, **fields)

    def taken(self, received: datetime, **fields: Any) -> GateResult:
        """One event, taken now."""
        event = {"consent": "anonymous", "ip": "198.51.100.7", "user_agent": CHROME, **fields}
        row = {**track_record(), "received_at": received, "occurred_at": received, **event}
        result = self.gate.process(
            raw_frame("track", [row]), [], Records("raw.track", 0, [0], [b""], [0]), Seen(), self.visits
        )
        self.visits.learn(result.visited)
        return result

    def visitor(self, minute: float, **fields: Any) -> Any:
        return self.passed(minute, **fields).clean["visitor"][0]


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path)


def test_a_visitor_is_one_of_a_day_network_and_browser(stack: Stack) -> None:
    first = stack.visitor(60)
    assert first.startswith("day-")
    assert len(first) == 32
    assert stack.visitor(700, ip="198.51.100.99", user_agent=CHROME.replace("10.0", "11.0")) == first
    others = {stack.visitor(61, ip="198.51.101.7"), stack.visitor(61, user_agent="curl/8"), stack.visitor(60 + 1440)}
    assert len(others | {first}) == 4
    assert stack.passed(60 + 1440).clean.select("user", "session", "ip").row(0) == (None, None, None)


def test_without_an_address_there_is_no_visitor_and_with_consent_another_one(stack: Stack) -> None:
    assert stack.visitor(60, ip=None) is None
    assert stack.visitor(60, ip="nowhere") is None
    granted = stack.visitor(60, consent="granted", anonymous_id="device")
    assert granted == stack.keys.every_pseudonym("default", "device")[0]


def test_a_visit_that_began_yesterday_is_not_cut_at_midnight(stack: Stack) -> None:
    evening = stack.visitor(-20)
    assert [stack.visitor(minute) for minute in (5, 34, 63)] == [evening] * 3
    next_day = stack.visitor(94)
    assert next_day != evening
    assert stack.visitor(95) == next_day


def test_a_visit_that_was_over_before_midnight_is_another_visitor_tomorrow(stack: Stack) -> None:
    """The control of the one above."""
    assert stack.visitor(-20) != stack.visitor(11)


def test_a_visit_goes_on_for_whoever_has_the_partition_next(stack: Stack) -> None:
    evening = stack.visitor(-5)
    kept = dict(stack.visits.last)
    stack.visits = Visits()
    assert stack.visitor(5) != evening  # the control: nothing was learnt
    stack.visits = Visits()
    stack.visits.learn(kept)
    assert stack.visitor(5) == evening


def test_events_that_are_older_than_the_salts_get_no_visitor_and_are_counted(stack: Stack) -> None:
    result = stack.passed(60)
    assert result.nameless["salt_destroyed"] == 0
    stack.now += 2 * 86_400
    late = stack.taken(MIDNIGHT + timedelta(minutes=60))
    assert late.clean.height == 1
    assert late.clean["visitor"].to_list() == [None]
    assert late.nameless["salt_destroyed"] == 1


def test_workers_share_a_days_salt_and_yesterdays_is_there_until_the_day_is_over(tmp_path: Path) -> None:
    day, now = 20_000, [20_000 * 86_400.0 - 301]
    one, two = (FolderSalts(tmp_path / "salts", lambda: now[0]) for _ in range(2))
    assert one.salt(day) is None
    now[0] += 2
    salt = one.salt(day)
    assert salt is not None
    assert two.salt(day) == salt != two.salt(day - 1)
    now[0] = (day + 2) * 86_400 - 1.0
    assert (one.destroy_old(), one.salt(day)) == ([day - 1], salt)
    now[0] += 1
    assert one.salt(day) is None
    assert (one.destroy_old(), two.destroy_old(), two.days()) == ([day], [day - 1, day], [])
    assert one.salt(day) is None


def test_a_folder_of_salts_that_others_can_look_into_is_refused(tmp_path: Path) -> None:
    (tmp_path / "salts").mkdir(0o755)
    with pytest.raises(KeyFileError, match="chmod 700"):
        FolderSalts(tmp_path / "salts", lambda: 0.0).salt(0)


def everything_left(folder: Path, memory: Stack) -> set[bytes]:
    """All that may be a secret: each 32 bytes and each 64 digits in any file, and what the process still has."""
    files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    windows = {data[at : at + 32] for data in files for at in range(len(data) - 31)}
    digits = {data[at : at + 64] for data in files for at in range(len(data) - 63)}
    hexed = {bytes.fromhex(text.decode()) for text in digits if all(char in b"0123456789abcdef" for char in text)}
    salts = memory.keys.salts
    assert isinstance(salts, FolderSalts)
    rings = {epoch.key for epochs in memory.keys.rings.values() for epoch in epochs}
    return windows | hexed | set(salts._known.values()) | rings


def recomputed(visitor: str, secrets: set[bytes]) -> list[str]:
    """Networks that, under any of the secrets, would have been this visitor: the attacker knows all but the salt."""
    networks = [f"198.51.{number}.0" for number in range(98, 103)]
    pairs = itertools.product(secrets, networks)
    return [
        network
        for secret, network in pairs
        if visitor_of(secret, f"default\x00{network}\x00Chrome 120 / Windows") == visitor
    ]


def test_an_old_visitor_cannot_be_computed_again_from_anything_that_is_left(stack: Stack) -> None:
    """The control: as long as the salt is kept, the same search finds who it was."""
    visitor = stack.visitor(60)
    file = next(stack.folder.glob("salts/salt-*"))
    salt = file.read_bytes()
    held = file.open("rb")  # the file's own blocks, whatever becomes of its name
    assert recomputed(visitor, everything_left(stack.folder, stack)) == ["198.51.100.0"]
    stack.visitor(60 + 1440)
    stack.now += 86_400
    Custodian(stack.keys, Schedule(), lambda: stack.now).look()
    left = everything_left(stack.folder, stack)
    assert recomputed(visitor, left) == []
    assert bytes.fromhex(salt.decode()) not in left
    with held:
        assert held.read() == b"\0" * len(salt)
