"""The page about people's rights: ask for an erasure or a copy, confirm it, and see what became of each."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from html import escape
from typing import Any

from nicegui import run, ui

from tidegate_dashboards import formats
from tidegate_dashboards.poller import Poller, Snapshot, View
from tidegate_dashboards.ranges import TimeRange
from tidegate_dashboards.reader import Rows
from tidegate_dashboards.rights import Desk, Handout, Tickets
from tidegate_dashboards.web.layout import Banner, html, top_bar
from tidegate_dashboards.web.start import DAY
from tidegate_dashboards.web.watching import watch
from tidegate_schemas.errors import TidegateError

log = logging.getLogger(__name__)

__all__ = ["privacy", "receipts_table"]

COLUMNS = ("Receipt", "Stage", "Asked", "Confirmed", "Erased", "Last copy gone", "Events")
COMMANDS = (
    "<pre tabindex=0>tidegate privacy erase --project PROJECT --user-id -\n"
    "tidegate privacy export --project PROJECT --user-id - --out person.jsonl\n"
    "tidegate privacy status</pre>"
)
SHOWN = (
    "<p>This page only shows what became of requests: no operators are configured. The command line takes them, on the "
    f"machine with the gate’s keys, and nobody has to confirm what is asked there:</p>{COMMANDS}"
    "<p>To ask here, name one operator in <code>TIDEGATE_OPERATORS</code>, who then decides alone, or two and more, of "
    "whom another one confirms what one asks for.</p>"
)
MEANS = "Erasing removes what is stored about a person everywhere, and it stays gone. Exporting hands out a copy of it."
CONFIRMED = f"{MEANS} Nothing happens until a second operator confirms it."
AT_ONCE = f"{MEANS} There is one operator, so nobody confirms it: what you ask for happens at once."


def receipts_table(rows: Rows) -> str:
    """Receipts, the latest first. They name nobody."""
    if not len(rows):
        return '<div class="empty"><p>Nobody has asked for anything.</p></div>'
    head = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
    body = "".join(
        f"<tr><td><code>{escape(row['receipt_id'])}</code></td><td>{escape(row['stage'])}</td>"
        f"<td>{_time(row['requested_at'])} {_by(row['requested_by'] or row['asked_from'])}</td>"
        f"<td>{_by(row['confirmed_by'])}</td><td>{_time(row['logically_erased_at'])}</td>"
        f"<td>{_time(row['physically_erased_at']) or _expected(row['expected_by'])}</td>"
        f'<td class="number">{_events(row)}</td></tr>'
        for row in rows
    )
    return f'<table class="health"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def privacy(
    poller: Poller, clickhouse: str, project: str, chosen: TimeRange, tickets: Tickets, desk: Desk | None
) -> None:
    """Builds the page in the current NiceGUI context."""
    top_bar("/privacy", project, chosen, ranges=False)
    with ui.element("main").props("id=content").classes("start rights"):
        html("Erase and export", tag="h1")
        banner = Banner(clickhouse)
        if desk is None:
            html(SHOWN).props("data-testid=rule")
        else:
            html(CONFIRMED if desk.confirms else AT_ONCE, tag="p", classes="lead").props("data-testid=rule")
            said = html("").props("role=status aria-live=polite data-testid=said")
            _ask(desk, project, said)
            if desk.confirms:
                _decide(desk, said)
            _fetch(desk, tickets, said)
        html("Receipts", tag="h2")
        table = html("").props("data-testid=receipts")

    def show(snapshot: Snapshot) -> None:
        banner.show(snapshot.trouble)
        if (rows := snapshot.results.get("erasures")) is not None:
            table.set_content(receipts_table(rows))

    watch(poller, View(project, DAY, ("erasures",)), show)


def _ask(desk: Desk, project: str, said: ui.html) -> None:
    with ui.element("section").classes("step"):
        html(f"Ask, about a person of project {escape(project)}", tag="h2")
        user = _field("Id of the user")
        device = _field("or id of the device")
        token = _field("Your token", secret=True)

        def ask(*, export: bool) -> str:
            receipt = desk.ask(token.value, project, user_id=user.value, anonymous_id=device.value, export=export)
            if desk.confirms:
                return f"{receipt} waits for another operator."
            return f"{receipt}: download the copy below." if export else f"{receipt}: the erasure runs."

        fields = (user, device, token)
        _button("Ask for erasure", partial(_told, said, partial(ask, export=False), fields))
        _button("Ask for a copy", partial(_told, said, partial(ask, export=True), fields))


def _decide(desk: Desk, said: ui.html) -> None:
    with ui.element("section").classes("step"):
        html("Confirm", tag="h2")
        receipt = _field("Receipt")
        token = _field("Token of another operator", secret=True)

        def confirm() -> str:
            which = desk.confirm(token.value, receipt.value.strip())
            fetch = "who asked for the copy may download it until seven days after asking"
            then = "the erasure runs" if which == "erasure" else fetch
            return f"{receipt.value.strip()} is confirmed: {then}."

        def refuse() -> str:
            desk.refuse(token.value, receipt.value.strip())
            return f"{receipt.value.strip()} is refused."

        for label, act in (("Confirm", confirm), ("Refuse", refuse)):
            _button(label, partial(_told, said, act, (receipt, token)))


def _fetch(desk: Desk, tickets: Tickets, said: ui.html) -> None:
    with ui.element("section").classes("step"):
        html("Download a copy, or see what has gone", tag="h2")
        receipt = _field("Receipt of a copy")
        token = _field("Token of who asks", secret=True)

        async def download() -> None:
            handouts: list[Handout] = []

            def export() -> str:
                handouts.append(desk.export(token.value, receipt.value.strip()))
                return f"The download begins. {handouts[0].said}"

            await _told(said, export, (receipt, token))
            for handout in handouts:
                ui.download.from_url(tickets.put(handout), handout.name)

        def settle() -> str:
            return desk.settle(token.value)

        _button("Download", download)
        _button("Look for what has gone", partial(_told, said, settle, (token,)))


def _field(label: str, *, secret: bool = False) -> ui.input:
    # Neither ids nor tokens are for the browser to keep.
    return ui.input(label, password=secret).props("outlined dense autocomplete=off")


def _button(label: str, pressed: Callable[[], Awaitable[None]]) -> None:
    ui.button(label, on_click=pressed, color=None).props("no-caps unelevated")


async def _told(said: ui.html, act: Callable[[], str], fields: tuple[ui.input, ...]) -> None:
    """Do it, say what came of it, and leave nothing in the fields once it is done."""
    try:
        text = await run.io_bound(act)
    except TidegateError as error:
        said.set_content(f'<p class="bad">{escape(str(error))}</p>')
        return
    except Exception:
        # Not the error's own words: they are for whoever runs this.
        log.exception("what an operator asked for did not work")
        said.set_content('<p class="bad">That did not work: is ClickHouse there? The dashboard’s log says more.</p>')
        return
    if text is None:  # the dashboard is being stopped
        return
    said.set_content(f"<p>{escape(text)}</p>")
    for field in fields:
        field.set_value("")


def _events(row: Mapping[str, Any]) -> str:
    """How many went; a copy took none."""
    return "" if row["stage"].startswith("export") else formats.compact(row["erased_events"])


def _time(at: str | None) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC" if (when := formats.when(at)) else ""


def _expected(at: str | None) -> str:
    return f"by {_time(at)}" if at else ""


def _by(name: str) -> str:
    return escape(f"by {name}") if name else ""
