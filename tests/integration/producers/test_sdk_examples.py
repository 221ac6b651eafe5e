"""The examples of docs/sdk.md, run in their order against a real broker."""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

import tidegate
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import raw_schema
from tidegate_schemas.topics import KINDS, raw_topic
from tidegate_stream.log import Log

GUIDE = Path("docs/sdk.md")
EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.S | re.M)
pytestmark = pytest.mark.broker


@pytest.fixture
def page() -> Iterator[types.ModuleType]:
    """A module for the examples to be."""
    module = types.ModuleType("sdk_guide")
    sys.modules[module.__name__] = module
    yield module
    del sys.modules[module.__name__]


def ends(broker: str) -> dict[tuple[str, int], int]:
    with Log(broker) as log:
        extents = log.extents(log.places([raw_topic(kind) for kind in KINDS]))
    return {place: end for place, (_, end) in extents.items()}


def test_the_examples_of_the_guide_run_and_their_events_arrive(
    broker: str, tmp_path: Path, page: types.ModuleType
) -> None:
    before = ends(broker)
    for example in EXAMPLE.findall(GUIDE.read_text(encoding="utf-8")):
        text = example.replace("127.0.0.1:9092", broker).replace("/var/lib/shop/spool", str(tmp_path / "spool"))
        exec(compile(text, str(GUIDE), "exec"), vars(page))
    assert tidegate.shutdown() == 0
    names: dict[str, set[str]] = {}
    with Log(broker) as log:
        for kind in KINDS:
            codec = RowCodec(raw_schema(kind))
            starts = {place: offset for place, offset in before.items() if place[0] == raw_topic(kind)}
            names[kind] = {codec.decode(message.value() or b"")["name"] for message in log.records(starts)}
    assert names["track"] >= {"order_placed", "row_imported", "cart", "looked_around", "consent", "order_plcaed"}
    assert names["error"] >= {"KeyError"}
    assert names["span"] >= {"checkout", "charge"}
    assert names["metric"] >= {"orders", "queue_length", "basket_total", "process.memory.usage"}
