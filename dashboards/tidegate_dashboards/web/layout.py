"""What every page has: head, top bar with range picker, the banner for when there are no fresh numbers."""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode

from nicegui import ui

from tidegate_dashboards.poller import Trouble
from tidegate_dashboards.ranges import RANGES, TimeRange
from tidegate_dashboards.web.marks import BRAND, SUN_AND_MOON

__all__ = ["THEME_COOKIE", "Banner", "address", "head", "html", "top_bar"]

THEME_COOKIE = "tidegate-theme"

HEAD = """
<script>
  (() => {
    const found = document.cookie.match(/(?:^|; )tidegate-theme=(dark|light)/);
    let theme = found && found[1];
    if (!theme) {
      theme = matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
      document.cookie = `tidegate-theme=${theme}; path=/; samesite=lax`;
      if (theme === "light" && document.cookie.includes("tidegate-theme=light")) location.reload();
    }
    document.documentElement.dataset.theme = theme;
  })();
</script>
<link rel="stylesheet" href="/assets/tidegate.css?v=VERSION">
<script src="/assets/tidegate.js?v=VERSION"></script>
"""
PAGES = (("Overview", "/"), ("Get started", "/start"), ("Privacy", "/privacy"))


def html(content: str, *, tag: str = "div", classes: str = "") -> ui.html:
    """Markup of our own, in which every foreign value is escaped already."""
    element = ui.html(content, sanitize=False, tag=tag)
    if classes:
        element.classes(classes)
    return element


def address(path: str, project: str, chosen: TimeRange) -> str:
    """A page's address with its project and range."""
    return f"{path}?{urlencode({'project': project, 'range': chosen.key})}"


def head(version: str) -> None:
    """Style sheet, script and theme of the page that is being built."""
    ui.add_head_html(HEAD.replace("VERSION", version))


def top_bar(path: str, project: str, chosen: TimeRange, *, ranges: bool) -> None:
    """The bar on top of a page."""
    links = "".join(
        f'<a href="{escape(address(target, project, chosen))}"'
        f"{' aria-current=page' if target == path else ''}>{name}</a>"
        for name, target in PAGES
    )
    picker = "".join(
        f'<a href="{escape(address(path, project, choice))}" title="Show {choice.title}"'
        f"{' aria-current=true' if choice == chosen else ''}>{choice.label}</a>"
        for choice in RANGES
    )
    html(
        f'<a class="skip" href="#content">Skip to content</a>'
        f'<a class="brand" href="{escape(address("/", project, chosen))}">{BRAND}<span>Tidegate</span></a>'
        f'<nav aria-label="Pages">{links}</nav><div class="room"></div>'
        f'<span class="live late" data-live data-testid="live" role="status">Connecting</span>'
        + (f'<div class="segments" role="group" aria-label="Time range">{picker}</div>' if ranges else "")
        + '<button class="icon" type="button" onclick="tidegate.toggleTheme()" '
        'aria-label="Switch between light and dark" '
        f'title="Light or dark">{SUN_AND_MOON}</button>',
        tag="header",
        classes="top",
    )


class Banner:
    """Says why there are no fresh numbers, and disappears when there are."""

    def __init__(self, clickhouse: str) -> None:
        self._clickhouse = clickhouse
        self._shown: str | None = None
        self._element = html("").props('role=alert data-testid="banner"')
        self._element.set_visibility(False)

    def show(self, trouble: Trouble | None) -> None:
        """Shows or hides the banner; does nothing if it says the same already."""
        text = self._text(trouble) if trouble else None
        if text == self._shown:
            return
        self._shown = text
        self._element.set_visibility(text is not None)
        self._element.set_content(text or "")

    def _text(self, trouble: Trouble) -> str:
        since = f'since <time datetime="{trouble.since:%Y-%m-%dT%H:%M:%SZ}">{trouble.since:%H:%M:%S} UTC</time>'
        clickhouse = escape(self._clickhouse)
        if trouble.kind == "away":
            title = f"Waiting for ClickHouse at {clickhouse}"
            words = (
                f"No answer {since}. Start it with <code>tidegate clickhouse</code>; numbers then come by themselves."
            )
        elif trouble.kind == "empty":
            title = f"ClickHouse at {clickhouse} has no Tidegate tables yet"
            words = f"Looking {since}. <code>tidegate worker</code> makes them; numbers then come by themselves."
        else:
            title = "A query failed"
            words = f"ClickHouse answered with an error {since}: <code>{escape(trouble.message)}</code>"
        return f'<div class="banner"><span class="spinner"></span><div><b>{title}</b><p>{words}</p></div></div>'
