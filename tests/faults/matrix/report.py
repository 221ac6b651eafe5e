"""The matrix's rows: printed as a table, and written as JSON where FAULTS_JSON says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One fault on one system.

    `lost` and `doubled` are events that are not, or more than once, in the tables or in what others read; `wrong` are
    the rows of all views (for vanilla Faust: the counts of its table) that differ from those of an undisturbed run.
    """

    fault: str
    system: str
    lost: int
    doubled: int
    wrong: int

    @property
    def right(self) -> bool:
        """Whether nothing came of the fault."""
        return not (self.lost or self.doubled or self.wrong)


def table(rows: Sequence[Row]) -> list[str]:
    """Lines for people."""
    lines = [f"{'fault':<44} {'system':<14} {'lost':>7} {'doubled':>7} {'wrong':>7}"]
    return lines + [f"{r.fault:<44} {r.system:<14} {r.lost:>7} {r.doubled:>7} {r.wrong:>7}" for r in rows]


def as_json(rows: Sequence[Row]) -> str:
    """A list of objects with the fields of a row."""
    return json.dumps([asdict(row) for row in rows], indent=2) + "\n"


def note(folder: Path, row: Row) -> None:
    """Keep a row for the end of the run; tests may run in several processes."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{row.system}-{row.fault}".replace(" ", "-").replace("/", "-")
    (folder / f"{name}.json").write_text(json.dumps(asdict(row)), encoding="utf-8")


def noted(folder: Path) -> list[Row]:
    """What was kept, Tidegate's rows first."""
    rows = [Row(**json.loads(path.read_text(encoding="utf-8"))) for path in folder.glob("*.json")]
    return sorted(rows, key=lambda row: (row.system != "tidegate", row.fault))
