"""What `import tidegate` gives an application, and what it spares it."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import tidegate
from tidegate.publish import MemoryPublisher

HEAVY = ("faust", "polars", "clickhouse_connect", "starlette", "nicegui", "chdb", "pyarrow", "sentry_sdk")


MEMBERS = [
    "Client",
    "Context",
    "Counter",
    "Event",
    "Gauge",
    "Histogram",
    "InvalidSettingError",
    "NotStartedError",
    "Plan",
    "PublishError",
    "QueueFullError",
    "Sampling",
    "Settings",
    "Span",
    "Tracked",
    "Violation",
    "Who",
    "alias",
    "consent",
    "context",
    "counter",
    "current_client",
    "error",
    "flush",
    "gauge",
    "histogram",
    "identify",
    "init",
    "page",
    "reset",
    "shutdown",
    "span",
    "track",
    "track_many",
]


def test_the_members_are_these_in_order() -> None:
    assert tidegate.__all__ == sorted(MEMBERS)
    assert {name for name in vars(tidegate) if not name.startswith("_")} >= set(MEMBERS)


@pytest.mark.parametrize("name", tidegate.__all__)
def test_every_member_says_what_it_is_for(name: str) -> None:
    assert inspect.getdoc(getattr(tidegate, name))


def test_importing_it_brings_none_of_the_stack() -> None:
    script = "import sys, tidegate; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & set(HEAVY)
    assert {name for name in loaded if name.startswith("tidegate")} == {"tidegate", "tidegate_schemas"}


def test_importing_it_brings_nothing_about_other_libraries() -> None:
    theirs = "('tidegate.foreign', 'tidegate.instrument.')"
    script = f"import sys, tidegate; print(any(name.startswith({theirs}) for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"


def test_a_call_before_init_says_what_to_do() -> None:
    with pytest.raises(tidegate.NotStartedError, match=r"call tidegate\.init\(brokers=…\)"):
        tidegate.track("too early")


def test_module_functions_are_those_of_the_client() -> None:
    memory = MemoryPublisher()
    client = tidegate.init(publisher=memory)
    try:
        tidegate.page()
        tidegate.identify("anna", {"plan": "pro"})
        tidegate.alias("old", "anna")
        tidegate.track("bought", {"total": 3})
        before = client.anonymous_id
        tidegate.reset()
        assert client.anonymous_id != before
        assert tidegate.flush() == 0
        assert len(memory.records["raw.track"]) == 4
    finally:
        assert tidegate.shutdown() == 0
    assert tidegate.shutdown() == 0
