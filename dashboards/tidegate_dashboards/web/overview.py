"""The overview page: tiles, charts and the table of endpoints, filled by the shared poller."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

from nicegui import ui
from nicegui.elements.echart import EChart

from tidegate_dashboards.poller import Poller, Snapshot, View
from tidegate_dashboards.ranges import TimeRange
from tidegate_dashboards.reader import Rows
from tidegate_dashboards.web.cards import SECTIONS, Card
from tidegate_dashboards.web.health import HEALTH_QUERIES, summary, table
from tidegate_dashboards.web.layout import Banner, html, top_bar
from tidegate_dashboards.web.ledger import LEDGER_QUERY, ledger_table
from tidegate_dashboards.web.marks import DOWNLOAD
from tidegate_dashboards.web.palette import Palette
from tidegate_dashboards.web.properties import PROPERTIES_QUERY, properties_table
from tidegate_dashboards.web.tiles import TILE_QUERIES, render, tiles
from tidegate_dashboards.web.watching import stopped, watch

__all__ = ["OVERVIEW_QUERIES", "overview"]

OVERVIEW_QUERIES = tuple(
    dict.fromkeys(
        (
            *TILE_QUERIES,
            *HEALTH_QUERIES,
            *(card.query for part in SECTIONS for card in part.cards),
            LEDGER_QUERY,
            PROPERTIES_QUERY,
        )
    )
)


def downloads(query: str, title: str, project: str, chosen: TimeRange) -> str:
    """Links to a chart's rows as files."""
    links = "".join(
        f'<a href="/export/{query}.{suffix}?project={escape(project, quote=True)}&amp;range={chosen.key}" download '
        f'aria-label="Download {escape(title)} as {name}" data-testid="{query}-{suffix}">{name}</a>'
        for suffix, name in (("csv", "CSV"), ("parquet", "Parquet"))
    )
    return f'<span class="downloads">{DOWNLOAD}{links}</span>'


class ChartCard:
    """A card on a page: sends the browser only what changed."""

    def __init__(self, card: Card, colours: Palette, project: str, chosen: TimeRange) -> None:
        self._card = card
        self._colours = colours
        self._choice = card.choices[1] if card.choices else ""
        self._buttons: dict[str, ui.element] = {}
        self._last: Snapshot | None = None
        self._sent = ""
        third = " third" if card.width == 4 else ""
        with ui.element("section").classes(f"card{third}").style(f"--width:{card.width}") as self.element:
            with ui.element("div").classes("card-head"):
                html(f"<h3>{escape(card.title)}</h3><p>{escape(card.question)}</p>")
                if card.choices:
                    self._choices()
                html(downloads(card.query, card.title, project, chosen))
            with (
                ui.element("div")
                .classes("plot")
                .props(f'role=img aria-label="{card.title}" data-testid="plot-{card.key}"')
            ):
                self._chart = EChart(card.frame(colours))
                self._empty = html(f'<p>{escape(card.empty)}</p><a href="/start">Get started</a>', classes="empty")
                self._empty.set_visibility(False)

    def show(self, snapshot: Snapshot) -> None:
        """Draws the snapshot, if it has rows for this card and they say something new."""
        self._last = snapshot
        rows = snapshot.results.get(self._card.query)
        if rows is None:
            return
        options = self._card.data(rows, snapshot, self._colours, self._choice)
        self._empty.set_visibility(not _any(rows, options))
        text = json.dumps(options)
        if text != self._sent:
            self._sent = text
            self._chart.run_chart_method("setOption", options, {"replaceMerge": ["series"]})

    def _choices(self) -> None:
        with ui.element("div").classes("segments").props(f'role=group aria-label="Percentile of {self._card.title}"'):
            for choice in self._card.choices:
                button = ui.element("button").props("type=button").on("click", partial(self._choose, choice))
                with button:
                    html(choice, tag="span")
                self._buttons[choice] = button
        self._mark()

    def _choose(self, choice: str, _: Any = None) -> None:
        self._choice = choice
        self._mark()
        if self._last is not None:
            self.show(self._last)

    def _mark(self) -> None:
        for choice, button in self._buttons.items():
            button.props(f"aria-pressed={'true' if choice == self._choice else 'false'}")


def _any(rows: Rows, options: dict[str, Any]) -> bool:
    """Whether there is anything to see: rows, and a line or bar from them."""
    return len(rows) > 0 and bool(options["series"])


class HealthCard:
    """The table of endpoints."""

    def __init__(self, project: str, chosen: TimeRange) -> None:
        with ui.element("section").classes("card").style("--width:12"):
            with ui.element("div").classes("card-head"):
                html(
                    "<h3>API health</h3><p>State of each endpoint over its last five minutes; numbers of "
                    f"{escape(chosen.title)}</p>"
                )
                self._counts = html("", classes="counts").props('data-testid="health-counts"')
                html(downloads("endpoints", "API health", project, chosen))
            self._table = html("", classes="scroll").props('data-testid="health" tabindex=0 aria-label="Endpoints"')

    def show(self, snapshot: Snapshot) -> None:
        """Writes the table anew where it changed."""
        if "endpoint_health" not in snapshot.results:
            return
        self._counts.set_content(summary(snapshot.results["endpoint_health"]))
        self._table.set_content(table(snapshot))


class LedgerCard:
    """What became of the events."""

    def __init__(self, project: str, chosen: TimeRange) -> None:
        with ui.element("section").classes("card").style("--width:12"):
            with ui.element("div").classes("card-head"):
                html("<h3>What became of the events</h3><p>Missing: given out by number, and nowhere to be found</p>")
                html(downloads(LEDGER_QUERY, "Ledger", project, chosen))
            self._table = html("", classes="scroll").props('data-testid="ledger" tabindex=0 aria-label="Ledger"')

    def show(self, snapshot: Snapshot) -> None:
        """Writes the table anew."""
        rows = snapshot.results.get(LEDGER_QUERY)
        if rows is not None:
            self._table.set_content(ledger_table(rows))


class PropertiesCard:
    """Which properties events carry."""

    def __init__(self, project: str, chosen: TimeRange) -> None:
        with ui.element("section").classes("card").style("--width:12"):
            with ui.element("div").classes("card-head"):
                html(
                    "<h3>Properties of events</h3><p>The latest to appear: look here for what nobody meant to send</p>"
                )
                html(downloads(PROPERTIES_QUERY, "Properties", project, chosen))
            self._table = html("", classes="scroll").props(
                'data-testid="properties" tabindex=0 aria-label="Properties"'
            )

    def show(self, snapshot: Snapshot) -> None:
        """Writes the table anew."""
        rows = snapshot.results.get(PROPERTIES_QUERY)
        if rows is not None:
            self._table.set_content(properties_table(rows))


def overview(
    poller: Poller, clickhouse: str, project: str, chosen: TimeRange, colours: Palette, strip: Callable[[], None]
) -> None:
    """Builds the page in the current NiceGUI context, and watches while the browser does. `strip` goes on top."""
    view = View(project, chosen, OVERVIEW_QUERIES)
    top_bar("/", project, chosen, ranges=True)
    with ui.element("main").props("id=content") as main:
        html(f"Tidegate: overview of {escape(project)}", tag="h1", classes="sr-only")
        strip()
        banner = Banner(clickhouse)
        with ui.element("div").classes("tiles"):
            places = [html(render(tile), tag="article", classes="tile") for tile in tiles(poller.blank(view))]
        shown: list[ChartCard] = []
        for section in SECTIONS:
            html(f"{escape(section.title)} <small>{escape(chosen.title)}</small>", tag="h2", classes="section")
            with ui.element("div").classes("cards"):
                if section.title == "Reliability":
                    health = HealthCard(project, chosen)
                shown.extend(ChartCard(card, colours, project, chosen) for card in section.cards)
        html(f"Ledger <small>{escape(chosen.title)}</small>", tag="h2", classes="section")
        with ui.element("div").classes("cards"):
            ledger = LedgerCard(project, chosen)
        html("Privacy <small>all time</small>", tag="h2", classes="section")
        with ui.element("div").classes("cards"):
            properties = PropertiesCard(project, chosen)

    def show(snapshot: Snapshot) -> None:
        banner.show(snapshot.trouble)
        if stopped(snapshot):
            main.classes(add="stale")
            if not snapshot.results:
                return
        else:
            main.classes(remove="stale")
        for place, tile in zip(places, tiles(snapshot), strict=True):
            place.set_content(render(tile))
        health.show(snapshot)
        ledger.show(snapshot)
        properties.show(snapshot)
        for card in shown:
            card.show(snapshot)

    watch(poller, view, show)
