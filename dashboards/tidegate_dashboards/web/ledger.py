"""The table of the ledger: what became of the events, by who numbered them. Pure."""

from __future__ import annotations

from html import escape
from typing import Any

from tidegate_dashboards import formats
from tidegate_dashboards.reader import Rows

__all__ = ["LEDGER_QUERY", "ledger_table"]

LEDGER_QUERY = "ledger"
COLUMNS = {
    "sent": "Sent",
    "stored": "Stored",
    "dropped": "Dropped",
    "dead_lettered": "Dead letters",
    "in_flight": "In flight",
    "missing": "Missing",
}
KINDS = {
    "sdk": "SDK processes",
    "browser": "Pages",
    "gateway": "Gateway (measured from there)",
    "kafka": "Clients of their own",
    "unknown": "Could not be read",
}
EMPTY = "No events in this range."


def ledger_table(rows: Rows) -> str:
    """The table's HTML, or that there is nothing."""
    if not len(rows):
        return f'<div class="empty"><p>{EMPTY}</p><a href="/start">Get started</a></div>'
    head = "".join(f'<th scope="col" class="number">{title}</th>' for title in COLUMNS.values())
    body = "".join(_line(row) for row in rows)
    first = '<th scope="col">Numbered by</th>'
    return f'<table class="health"><thead><tr>{first}{head}</tr></thead><tbody>{body}</tbody></table>'


def _line(row: dict[str, Any]) -> str:
    kind = str(row["producer_kind"])
    cells = "".join(
        f'<td class="number {_tone(name, row[name])}" data-testid="ledger-{escape(kind, quote=True)}-{name}">'
        f"{formats.compact(row[name])}</td>"
        for name in COLUMNS
    )
    return f'<tr><th scope="row">{escape(KINDS.get(kind, kind))}</th>{cells}</tr>'


def _tone(name: str, number: Any) -> str:
    if not number:
        return ""
    return {"missing": "bad", "dead_lettered": "warn"}.get(name, "")
