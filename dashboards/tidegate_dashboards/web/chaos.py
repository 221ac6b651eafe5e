"""The strip of a chaos demo: how often processes were killed, and what that did to the events.

It reads the demo's own file and not ClickHouse, which may be the one that is dead just now.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

from nicegui import ui

from tidegate_dashboards import formats
from tidegate_dashboards.clock import Clock
from tidegate_dashboards.web.layout import html

__all__ = ["Chaos", "chaos", "read", "render"]

FRESH_SECONDS = 10.0
"""A demo writes twice a second; an older file is what a killed one left behind."""
LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class Chaos:
    """What a chaos demo says of itself."""

    killed: Mapping[str, int]
    """How often, by process."""
    down: tuple[str, ...]
    """Processes that don't do their work now."""
    acknowledged: int
    """Events that the gateway has taken."""
    checked: int
    """Those of them that the pipeline has passed and that were found in the tables."""
    lost: int
    """Those of them that it has passed and that were not found."""
    doubled: int


def read(path: Path, now_seconds: float) -> Chaos | None:
    """The fact in a file; None if there is none, if it is old, or if it is no such fact."""
    try:
        fact = json.loads(path.read_text(encoding="utf-8"))
        if now_seconds - float(fact["at"]) > FRESH_SECONDS:
            return None
        killed = {str(name): int(number) for name, number in fact["killed"].items()}
        numbers = [int(fact[name]) for name in ("acknowledged", "checked", "lost", "doubled")]
        return Chaos(killed, tuple(map(str, fact["down"])), *numbers)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def render(found: Chaos) -> str:
    """The strip's HTML."""
    by_process = ", ".join(f"{name} {number}" for name, number in sorted(found.killed.items()))
    times = sum(found.killed.values())
    down = f"Down now: {', '.join(found.down)}." if found.down else "All processes do their work."
    checked = f"{formats.compact(found.checked)} of {formats.compact(found.acknowledged)} acknowledged events checked."
    return (
        f'<div class="chaos" data-testid="chaos" title="{escape(by_process, quote=True)}"><b>Chaos</b>'
        f"<span>killed <b>{times}</b> time{'' if times == 1 else 's'}</span>"
        f"{_number('lost', found.lost)}{_number('doubled', found.doubled)}"
        f"<p>{escape(checked)} {escape(down)}</p></div>"
    )


def _number(word: str, number: int) -> str:
    return f'<span class="{"bad" if number else "good"}">{word} <b>{number}</b></span>'


def chaos(path: Path | None, clock: Clock) -> None:
    """Builds the strip in the current NiceGUI context; hidden unless a chaos demo runs."""
    if path is None:
        return
    place = html("")

    def look() -> None:
        found = read(path, clock.now().timestamp())
        place.set_visibility(found is not None)
        place.set_content(render(found) if found else "")

    look()
    ui.timer(LOOK_SECONDS, look)
