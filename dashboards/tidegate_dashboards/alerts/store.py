"""What the evaluator remembers, in one file: alerts, and notifications that are not delivered yet.

The two change together, in one atomic replacement before anything is sent. So a restart neither forgets a
notification nor makes one twice; only a kill between a delivery and the note of it repeats that delivery, with the
same fingerprint and times.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tidegate_dashboards.alerts.evaluate import Alert, Labels, Phase

__all__ = ["FileStore", "MemoryStore", "Remembered"]

Message = dict[str, Any]
FORMAT = 1


@dataclass
class Remembered:
    """Alerts by rule and labels, and messages to deliver, oldest first."""

    alerts: dict[str, dict[Labels, Alert]] = field(default_factory=dict)
    outbox: list[Message] = field(default_factory=list)


class MemoryStore:
    """Remembers as long as the process lives."""

    def __init__(self) -> None:
        self._text = ""

    def load(self) -> Remembered:
        """What was saved last."""
        return _from_text(self._text) if self._text else Remembered()

    def save(self, remembered: Remembered) -> None:
        """Replaces what was saved."""
        self._text = _to_text(remembered)


class FileStore:
    """Remembers in `alerts.json` of a directory, which is made if need be."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "alerts.json"

    def load(self) -> Remembered:
        """What was saved last; nothing if there is no file. Raises ValueError for a file that isn't ours."""
        try:
            return _from_text(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return Remembered()

    def save(self, remembered: Remembered) -> None:
        """Replaces the file atomically, and waits until it is on disk."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".new")
        with draft.open("w", encoding="utf-8") as file:
            file.write(_to_text(remembered))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)


def _to_text(remembered: Remembered) -> str:
    alerts = [_plain(alert) for known in remembered.alerts.values() for alert in known.values()]
    return json.dumps({"format": FORMAT, "alerts": alerts, "outbox": remembered.outbox}, indent=1)


def _from_text(text: str) -> Remembered:
    found = json.loads(text)
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError(
            f"alerts.json has format {found.get('format') if isinstance(found, dict) else None}, not {FORMAT}"
        )
    return Remembered(_by_rule(_alert(plain) for plain in found["alerts"]), found["outbox"])


def _by_rule(alerts: Iterable[Alert]) -> dict[str, dict[Labels, Alert]]:
    grouped: dict[str, dict[Labels, Alert]] = {}
    for alert in alerts:
        grouped.setdefault(alert.rule, {})[alert.labels] = alert
    return grouped


def _plain(alert: Alert) -> dict[str, Any]:
    return {
        "rule": alert.rule,
        "labels": dict(alert.labels),
        "phase": alert.phase.value,
        "since": alert.since.isoformat(),
        "judged_at": alert.judged_at.isoformat(),
        "value": alert.value,
        "sample": alert.sample,
    }


def _alert(plain: dict[str, Any]) -> Alert:
    return Alert(
        rule=plain["rule"],
        labels=tuple(sorted(plain["labels"].items())),
        phase=Phase(plain["phase"]),
        since=datetime.fromisoformat(plain["since"]),
        judged_at=datetime.fromisoformat(plain["judged_at"]),
        value=plain["value"],
        sample=plain["sample"],
    )
