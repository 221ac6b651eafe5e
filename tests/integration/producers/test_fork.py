"""Forks, exits and SIGTERM of an application with a client, on a real broker."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import raw_schema
from tidegate_schemas.topics import raw_topic
from tidegate_stream.log import Log

APP = Path(__file__).with_name("forking_app.py")
EVENTS = 3_000
pytestmark = pytest.mark.broker


def run(broker: str, name: str, how: str, *more: str) -> tuple[int, list[str]]:
    command = [sys.executable, str(APP), broker, name, str(EVENTS), how, *more]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=100, check=False)
    return done.returncode, done.stdout.decode().splitlines()


def arrived(broker: str, name: str) -> list[dict[str, Any]]:
    codec, found = RowCodec(raw_schema("track")), []
    with Log(broker) as log:
        for message in log.records(dict.fromkeys(log.places([raw_topic("track")]), 0)):
            event = codec.decode(message.value() or b"")
            if event["name"] == name:
                found.append(event)
    return found


@pytest.mark.parametrize("spooled", [False, True])
def test_a_child_numbers_and_sends_for_itself_and_the_parent_goes_on(
    broker: str, tmp_path: Path, spooled: bool
) -> None:
    name = f"fork-{uuid.uuid4().hex[:12]}"
    code, lines = run(broker, name, "exit", *([str(tmp_path)] if spooled else []))
    assert code == 0
    producers = dict(line.split() for line in lines)
    assert producers["parent"] != producers["child"]
    by_producer: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in arrived(broker, name):
        by_producer[event["producer_id"]].append(event)
    assert set(by_producer) == set(producers.values())
    child, parent = by_producer[producers["child"]], by_producer[producers["parent"]]
    assert sorted(event["sequence"] for event in child) == list(range(1, EVENTS + 1))
    assert sorted(event["sequence"] for event in parent) == list(range(1, 2 * EVENTS + 1))
    assert len({event["event_id"] for event in (*child, *parent)}) == 3 * EVENTS
    assert {json.loads(event["properties"])["who"] for event in child} == {"child"}
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("how", "everything"), [("term", True), ("unasked", False)])
def test_sigterm_delivers_what_is_queued_if_asked_to_and_then_the_applications_own_handler_runs(
    broker: str, how: str, everything: bool
) -> None:
    name = f"term-{uuid.uuid4().hex[:12]}"
    code, lines = run(broker, name, how)
    assert (code, lines[-1]) == (7, "own handler")
    producers = dict(line.split() for line in lines[:-1])
    parent = [event for event in arrived(broker, name) if event["producer_id"] == producers["parent"]]
    assert (len(parent) == 3 * EVENTS) is everything  # unasked is the control: it loses what was queued last
