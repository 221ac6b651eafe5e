"""`tidegate privacy keys|rotate`: the epochs of pseudonym keys, and the next one."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from tidegate_infra.keys import ensure_keys
from tidegate_infra.privacy.keys import open_keys, schedule
from tidegate_infra.settings import Settings
from tidegate_stream.gate.custodian import rotate
from tidegate_stream.gate.epochs import DAY_MICROS, MICROS, Epochs, Schedule, name_of

__all__ = ["begin_next", "describe"]


def describe(settings: Settings) -> list[str]:
    """One line a key: name, since when it holds, when it is replaced and destroyed. Shows no key."""
    ensure_keys(settings)
    plan, rings = schedule(settings), open_keys(settings).rings
    return [line for project, epochs in sorted(rings.items()) for line in _lines(project, epochs, plan)]


def begin_next(settings: Settings, clock: Callable[[], float] = time.time) -> Mapping[str, str]:
    """Make the next key of each project; when each begins, in UTC."""
    ensure_keys(settings)
    begins = rotate(open_keys(settings), int(clock() * MICROS))
    return {project: _moment(at) for project, at in begins.items()}


def _lines(project: str, epochs: Epochs, plan: Schedule) -> list[str]:
    lines = []
    for epoch, after in zip(epochs, [*epochs[1:], None], strict=True):
        since = f"since {_moment(epoch.begins_at)}" if epoch.begins_at else "the first"
        if after is None:
            end = f"for {plan.days} days" if plan.days else "until the next rotation"
        else:
            gone = after.begins_at + plan.overlap_days * DAY_MICROS
            end = f"until {_moment(after.begins_at)}, destroyed after {_moment(gone)}"
        lines.append(f"{name_of(project, epoch.begins_at)}: {since}, {end}")
    return lines


def _moment(at: int) -> str:
    return f"{datetime.fromtimestamp(at / MICROS, UTC):%Y-%m-%d %H:%M} UTC"
