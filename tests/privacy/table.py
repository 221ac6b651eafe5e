"""`python -m tests.privacy.table REPORT.json docs/privacy-leaks.md`: the document from a run's report."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.privacy.planting import CLOSED, ECHOES

HEAD = """# What leaks, and what doesn't

This page is made of a run of `make privacy` by `python -m tests.privacy.table REPORT.json docs/privacy-leaks.md`, where
the report is what `PRIVACY_JSON=REPORT.json make privacy` wrote. How the test works, and what it can't tell, stands in
[privacy-test.md](privacy-test.md).
"""
Rows = Sequence[Mapping[str, Any]]


def document(report: Mapping[str, Any]) -> Iterator[str]:
    """The lines of the document."""
    rows: Rows = report["rows"]
    claimed, others = [row for row in rows if row["claimed"]], [row for row in rows if not row["claimed"]]
    tries, leaks, reached = (sum(row[name] for row in claimed) for name in ("tries", "leaks", "reached"))
    yield HEAD
    yield f"Of {report['canaries']:,} canaries {tries:,} are claimed, and {leaks} of these leaked: with 95 %"
    yield f"confidence, fewer than {bound(tries, leaks)} of such texts leak. {reached:,} of them would be found behind"
    yield f"a gate that keeps every text; counted by these alone the bound is {bound(reached, leaks)}."
    yield f"{sum(report['bytes_scanned'].values()) / 1e6:,.0f} MB were looked through."
    texts, changed = report["harmless_texts"], report["harmless_texts_changed"]
    yield f"Of {texts:,} harmless texts {changed} lost something ({report['over_redaction']:.2%}).\n"
    for name in ("kind", "encoding", "carrier"):
        yield f"## Claimed, by {name}\n"
        yield from table(name, claimed, ("tries", "reached", "leaks", "bound"))
    yield "## Not claimed\n"
    yield "`Recall` is the share that was not found in any store, of those that a gate without rules lets through.\n"
    for name in ("kind", "encoding", "carrier"):
        yield from table(name, [row for row in others if row["reached"]], ("tries", "reached", "recall"))
    yield "Carriers of which nothing is kept, whatever stands there: " + ", ".join(sorted(CLOSED)) + "."
    yield "What is answered to its own sender, and goes nowhere else: " + ", ".join(sorted(ECHOES)) + ".\n"
    yield "## Every row\n"
    yield "The report as JSON has each kind, carrier and encoding as a row of its own, with its tries and its bound."


def table(name: str, rows: Rows, columns: Sequence[str]) -> Iterator[str]:
    """Rows added up by one of their names."""
    sums: defaultdict[str, dict[str, int]] = defaultdict(lambda: {"tries": 0, "reached": 0, "leaks": 0})
    for row in rows:
        for number in ("tries", "reached", "leaks"):
            sums[row[name]][number] += row[number]
    yield f"| {name} | {' | '.join(columns)} |"
    yield f"|---|{'---:|' * len(columns)}"
    for key, numbers in sorted(sums.items()):
        tries, reached, leaks = numbers["tries"], numbers["reached"], numbers["leaks"]
        told = {"tries": f"{tries:,}", "reached": f"{reached:,}", "leaks": str(leaks), "bound": bound(tries, leaks)}
        told["recall"] = f"{max(0.0, 1 - leaks / reached):.3f}" if reached else ""
        yield f"| {key} | {' | '.join(told[column] for column in columns)} |"
    yield ""


def bound(tries: int, leaks: int) -> str:
    """The rule of three."""
    return f"{3 / tries:.5f}" if tries >= 3 and not leaks else "1" if not leaks else "broken"


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    target.write_text("\n".join(document(json.loads(source.read_text("utf-8")))) + "\n", encoding="utf-8")
