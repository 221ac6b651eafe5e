"""The onboarding page: keys to copy, a snippet per client, and a note that turns when the first event arrives."""

from __future__ import annotations

from html import escape

from nicegui import ui

from tidegate_dashboards import formats
from tidegate_dashboards.poller import Poller, Snapshot, View
from tidegate_dashboards.ranges import TimeRange
from tidegate_dashboards.reader import Rows
from tidegate_dashboards.settings import DashboardSettings
from tidegate_dashboards.snippets import Snippet, dsn, snippets
from tidegate_dashboards.web.layout import Banner, html, top_bar
from tidegate_dashboards.web.marks import TICK
from tidegate_dashboards.web.watching import watch

__all__ = ["arrival", "start"]

START_QUERIES = ("first_event",)
DAY = TimeRange("day", "1 d", "the last day", 86_400, 10)
"""Its narrow step keeps the question fresh: somebody is waiting for the answer."""
KINDS = {"track": "product event", "error": "error", "span": "span", "metric": "measurement", "log": "log record"}


def arrival(rows: Rows, snapshot: Snapshot) -> str:
    """The note on what has arrived within a day."""
    latest = rows.one()
    if latest is None:
        return (
            '<div class="arrival" data-testid="waiting"><span class="spinner"></span><div>'
            "<b>Waiting for your first event…</b>"
            "<p>Paste a snippet and run it. This note turns by itself, within seconds.</p></div></div>"
        )
    counts = ", ".join(
        f"{formats.compact(row['events'])} {KINDS[row['kind']]}{'' if row['events'] == 1 else 's'}" for row in rows
    )
    name = escape(latest["latest"] or latest["kind"])
    then = formats.ago(formats.when(latest["latest_at"]), snapshot.at)
    return (
        f'<div class="arrival" data-testid="arrived"><span class="tick">{TICK}</span><div><b>Events are coming in</b>'
        f"<p>Latest: <code>{name}</code>, {then}. Within a day: {counts}.</p></div>"
        '<a class="button" href="/">See the overview</a></div>'
    )


def start(poller: Poller, clickhouse: str, settings: DashboardSettings, project: str, chosen: TimeRange) -> None:
    """Builds the page in the current NiceGUI context."""
    top_bar("/start", project, chosen, ranges=False)
    with ui.element("main").props("id=content").classes("start"):
        html("Send your first event", tag="h1")
        html("Tidegate speaks the protocols of clients that you may have already. Point one of them here.",
             tag="p", classes="lead")  # fmt: skip
        banner = Banner(clickhouse)
        with ui.element("div").classes("steps"):
            html(_keys(settings), tag="section", classes="step")
            html(_snippets(snippets(settings)), tag="section", classes="step")
            with ui.element("section").classes("step").props("aria-live=polite") as step:
                html("<i>3</i> See it arrive", tag="h2")
                note = html("")

    def show(snapshot: Snapshot) -> None:
        banner.show(snapshot.trouble)
        rows = snapshot.results.get("first_event")
        if rows is None:
            return
        step.classes(add="arrived") if len(rows) else step.classes(remove="arrived")
        note.set_content(arrival(rows, snapshot))

    watch(poller, View(project, DAY, START_QUERIES), show)


def _keys(settings: DashboardSettings) -> str:
    rows = (
        ("Write key", "write-key", settings.write_key),
        ("Sentry DSN", "dsn", dsn(settings)),
        ("Gateway", "gateway", settings.gateway_url),
    )
    lines = "".join(
        f'<dt>{name}</dt><dd><code id="{key}" data-testid="{key}">{escape(value)}</code></dd>{_copy(key, name)}'
        for name, key, value in rows
    )
    return f'<h2><i>1</i> Take the keys</h2><dl class="keys">{lines}</dl>'


def _snippets(offered: list[Snippet]) -> str:
    tabs = "".join(
        f'<button type="button" role="tab" id="tab-{each.key}" aria-controls="panel-{each.key}" '
        f'aria-selected="{str(index == 0).lower()}" tabindex="{0 if index == 0 else -1}">{escape(each.label)}</button>'
        for index, each in enumerate(offered)
    )
    panels = "".join(
        f'<div class="snippet" role="tabpanel" id="panel-{each.key}" aria-labelledby="tab-{each.key}"'
        f'{"" if index == 0 else " hidden"}><p>{_install(each.install)}</p><div class="snippet" style="margin:0">'
        f'<pre id="snippet-{each.key}" data-testid="snippet-{each.key}" tabindex="0">{escape(each.text)}</pre>'
        f"{_copy(f'snippet-{each.key}', each.label)}</div></div>"
        for index, each in enumerate(offered)
    )
    return (
        f'<h2><i>2</i> Run a snippet</h2><div class="segments" role="tablist" aria-label="Client">{tabs}</div>{panels}'
    )


def _install(text: str) -> str:
    return f"<code>{escape(text)}</code>" if text.startswith("pip ") else escape(text)


def _copy(source: str, what: str) -> str:
    return f'<button type="button" class="copy" data-copy="{source}" aria-label="Copy {escape(what)}">Copy</button>'
