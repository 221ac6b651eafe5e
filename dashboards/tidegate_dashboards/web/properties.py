"""The table of properties: which ones events carry, so that a stray one is noticed. Pure."""

from __future__ import annotations

from html import escape
from typing import Any

from tidegate_dashboards import formats
from tidegate_dashboards.reader import Rows

__all__ = ["PROPERTIES_QUERY", "properties_table"]

PROPERTIES_QUERY = "properties"
EMPTY = "No event has carried a property yet."
NONE_NEW = "None of these is new in the last 7 days."


def properties_table(rows: Rows) -> str:
    """The table's HTML, or that there is nothing."""
    if not len(rows):
        return f'<div class="empty"><p>{EMPTY}</p><a href="/start">Get started</a></div>'
    new = sum(bool(row["new"]) for row in rows)
    told = f"{new} new in the last 7 days." if new else NONE_NEW
    titles = ("Property", "Event", "Types", "First seen", "Last seen", "Events, about")
    head = "".join(f'<th scope="col"{_number(title)}>{title}</th>' for title in titles)
    body = "".join(_line(row) for row in rows)
    return (
        f'<p data-testid="properties-new">{told}</p>'
        f'<table class="health"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    )


def _number(title: str) -> str:
    return ' class="number"' if title.startswith("Events") else ""


def _line(row: dict[str, Any]) -> str:
    name = str(row["property"]) if row["field"] == "properties" else f"{row['field']}.{row['property']}"
    mark = ' <span class="warn">new</span>' if row["new"] else ""
    return (
        f'<tr><th scope="row"><code>{escape(name)}</code>{mark}</th>'
        f"<td>{escape(str(row['event']))} <small>{escape(str(row['kind']))}</small></td>"
        f"<td>{escape(', '.join(row['types']))}</td>"
        f"<td>{_time(row['first_seen'])}</td><td>{_time(row['last_seen'])}</td>"
        f'<td class="number">{formats.compact(row["approximate_events"])}</td></tr>'
    )


def _time(value: Any) -> str:
    return escape(str(value)[:16])
