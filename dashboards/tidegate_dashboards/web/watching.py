"""Ties a page to the poller: it watches while the browser is connected and the tab is visible."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import Client, ui

from tidegate_dashboards.poller import Poller, Snapshot, View

__all__ = ["stopped", "watch"]


def stopped(snapshot: Snapshot) -> bool:
    """Whether the snapshot has nothing new because ClickHouse can't answer at all."""
    return snapshot.trouble is not None and snapshot.trouble.stops_everything


def watch(poller: Poller, view: View, show: Callable[[Snapshot], None]) -> None:
    """Calls `show` in the page's context with every snapshot of the view, as long as somebody sees the page."""
    client: Client = ui.context.client

    def listener(snapshot: Snapshot) -> None:
        with client:
            show(snapshot)
            client.run_javascript("tidegate.waiting()" if stopped(snapshot) else "tidegate.fresh()")

    def begin() -> None:
        poller.watch(listener, view)

    def end() -> None:
        poller.unwatch(listener)

    client.on_connect(begin)
    client.on_disconnect(end)
    client.on_delete(end)
    ui.on("watching", lambda event: begin() if event.args else end())
