"""The pure parts of the pages: tiles, tables, charts, snippets, and the note on what has arrived."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from tidegate_dashboards.exports import filename
from tidegate_dashboards.poller import Snapshot, View, interval_seconds, pause_seconds
from tidegate_dashboards.ranges import RANGES
from tidegate_dashboards.reader import Rows
from tidegate_dashboards.settings import DashboardSettings
from tidegate_dashboards.snippets import dsn, snippets
from tidegate_dashboards.web.cards import CARDS
from tidegate_dashboards.web.charts import curves
from tidegate_dashboards.web.health import counts, table
from tidegate_dashboards.web.ledger import ledger_table
from tidegate_dashboards.web.palette import DARK, LIGHT, Palette, palette
from tidegate_dashboards.web.privacy import receipts_table
from tidegate_dashboards.web.properties import properties_table
from tidegate_dashboards.web.start import arrival
from tidegate_dashboards.web.tiles import render, sparkline, tiles

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HEALTH = ("service", "method", "route", "state", "reason", "since")


def snapshot(results: Mapping[str, Rows] | None = None) -> Snapshot:
    return Snapshot(View("default", RANGES[0], ()), NOON, RANGES[0].span(NOON), results or {})


def requests(*rows: list[Any]) -> Rows:
    return Rows(("time", "requests", "client_errors", "server_errors", "exceptions", "successes"), list(rows))


def test_without_answers_every_tile_is_there_and_claims_nothing() -> None:
    found = {tile.key: tile.value for tile in tiles(snapshot())}

    assert list(found) == ["dau", "mau", "sessions", "agent-runs", "requests", "error-rate", "latency", "cpu"]
    assert set(found.values()) == {"–"}


def test_the_error_rate_is_of_all_requests_and_coloured_by_how_bad_it_is() -> None:
    rows = requests(["2026-11-23 11:59:00", 90, 1, 2, 3, 87], ["2026-11-23 11:59:10", 10, 0, 4, 0, 6])

    found = {tile.key: tile for tile in tiles(snapshot({"requests": rows}))}

    assert found["error-rate"].value == "6%"
    assert found["error-rate"].tone == "bad"
    assert found["error-rate"].note == "6 failed · 3 exceptions"
    assert found["requests"].value == "100"
    assert found["requests"].note == "6.67 a minute"


def test_daily_and_monthly_persons_are_those_of_today() -> None:
    days = Rows(("day", "persons", "cookieless"), [["2026-11-22", 30, 0], ["2026-11-23", 20, 0]])
    months = Rows(("month", "persons", "cookieless"), [["2026-10-01", 50, 9], ["2026-11-01", 80, 0]])

    found = {tile.key: tile for tile in tiles(snapshot({"daily_active": days, "monthly_active": months}))}

    assert (found["dau"].value, found["dau"].note) == ("20", "today (UTC) · yesterday 30")
    assert (found["mau"].value, found["mau"].note) == ("80", "in November · 25% of them today")


def test_persons_who_come_between_the_two_questions_do_not_make_today_larger_than_the_month() -> None:
    days = Rows(("day", "persons", "cookieless"), [["2026-11-23", 13, 0]])
    months = Rows(("month", "persons", "cookieless"), [["2026-11-01", 11, 0]])

    found = {tile.key: tile for tile in tiles(snapshot({"daily_active": days, "monthly_active": months}))}

    assert (found["mau"].value, found["mau"].note) == ("13", "in November · 100% of them today")


def test_a_months_persons_say_which_visitors_they_leave_out() -> None:
    days = Rows(("day", "persons", "cookieless"), [["2026-11-23", 50, 30]])
    months = Rows(("month", "persons", "cookieless"), [["2026-11-01", 80, 400]])

    found = {tile.key: tile for tile in tiles(snapshot({"daily_active": days, "monthly_active": months}))}

    assert found["dau"].note == "today (UTC) · yesterday 0 · 30 of them without consent"
    assert found["mau"].note == "in November · 25% of them today · without 400 visitors of one day (no consent)"


def test_cpu_and_memory_are_the_latest_of_each_service() -> None:
    rows = Rows(
        ("time", "service", "cpu", "memory"),
        [
            ["2026-11-23 11:58:00", "a", 0.9, 9e6],
            ["2026-11-23 11:59:00", "a", 0.25, 1e6],
            ["2026-11-23 11:59:00", "b", None, 2e6],
        ],
    )

    cpu = tiles(snapshot({"resources": rows}))[-1]

    assert (cpu.value, cpu.note) == ("25%", "3 MB of memory")


def test_properties_that_are_new_are_marked_and_names_are_only_text() -> None:
    columns = ("kind", "event", "field", "property", "types", "first_seen", "last_seen", "approximate_events", "new")
    rows = [
        ["track", "run", "properties", "<b>", ["number", "text"], "2026-11-23 11:59:10", "2026-11-23 12:00:10", 4, 1],
        ["log", "x", "attributes", "old", ["text"], "2025-11-23 11:59:10", "2026-11-23 12:00:10", 4, 0],
    ]
    shown = properties_table(Rows(columns, rows))

    assert '<code>&lt;b&gt;</code> <span class="warn">new</span>' in shown
    assert "<code>attributes.old</code></th>" in shown
    assert "1 new in the last 7 days." in shown
    assert "No event" in properties_table(Rows())


def test_the_ledger_names_who_numbered_and_marks_what_is_missing() -> None:
    columns = ("producer_kind", "sent", "stored", "dropped", "dead_lettered", "in_flight", "missing")
    shown = ledger_table(Rows(columns, [["sdk", 12_345, 12_340, 2, 1, 0, 2], ["gateway", 7, 7, 0, 0, 0, 0]]))

    assert "SDK processes" in shown
    assert '<td class="number bad" data-testid="ledger-sdk-missing">2</td>' in shown
    assert '<td class="number " data-testid="ledger-gateway-missing">0</td>' in shown
    assert "No events" in ledger_table(Rows())


def test_sparklines_leave_gaps_and_need_two_values() -> None:
    assert sparkline([]) == ""
    assert sparkline([0.0, 0.0, 0.0]) == ""
    assert sparkline([1, None]) == ""
    assert sparkline([0, 1, None, 1, 0]).count("<polyline") == 2


def test_foreign_text_is_escaped_wherever_it_is_shown() -> None:
    evil = "<script>alert(1)</script>"
    health = Rows(HEALTH, [[evil, "GET", evil, evil, evil, ""], ["other", "GET", "/", "ok", "", ""]])
    arrived = Rows(("kind", "events", "latest", "latest_at"), [["track", 1, evil, "2026-11-23 11:59:58"]])

    assert "<script" not in table(snapshot({"endpoint_health": health}))
    assert "<script" not in arrival(arrived, snapshot())
    assert "<script" not in render(tiles(snapshot())[0])


def test_the_table_has_state_reason_since_and_numbers() -> None:
    health = Rows(HEALTH, [["shop", "POST", "/run", "degraded", "7 % of 40 requests failed", "2026-11-23 11:57:00"]])
    columns = ("service", "method", "route", "requests", "error_rate", "p50", "p95", "p99")
    measured = Rows(columns, [["shop", "POST", "/run", 40, 0.07, 0.01, 0.2, None]])

    found = table(snapshot({"endpoint_health": health, "endpoints": measured}))

    for text in ("Degraded", "POST /run", "7 % of 40 requests failed", "3 min ago", "7%", "10 ms", "200 ms", "–"):
        assert text in found
    assert counts(health) == {"down": 0, "degraded": 1, "ok": 0, "no data": 0}


def test_an_empty_table_says_what_to_do() -> None:
    assert "Send server spans with OpenTelemetry" in table(snapshot({"endpoint_health": Rows(HEALTH, [])}))


@pytest.mark.parametrize("colours", [DARK, LIGHT], ids=["dark", "light"])
@pytest.mark.parametrize("key", sorted(CARDS))
def test_every_card_draws_no_rows_as_no_series_or_zeros(key: str, colours: Palette) -> None:
    card = CARDS[key]

    options = card.data(Rows(), snapshot(), colours, card.choices[0] if card.choices else "")

    assert "series" in card.frame(colours)
    assert all(value in (0, None) for series in options["series"] for _, value in _pairs(series["data"]))
    assert card.empty


def _pairs(data: list[Any]) -> list[list[Any]]:
    return [point if isinstance(point, list) else [None, point] for point in data]


def test_endpoints_of_several_services_are_told_apart() -> None:
    columns = ("time", "service", "method", "route", "error_rate")
    rows = Rows(columns, [["2026-11-23 11:59:00", "a", "GET", "/", 0.5], ["2026-11-23 11:59:00", "b", "GET", "/", 0.1]])

    options = CARDS["error-rate"].data(rows, snapshot(), DARK, "")

    assert [series["name"] for series in options["series"]] == ["a · GET /", "b · GET /"]


def test_points_alone_between_gaps_are_drawn_as_dots() -> None:
    line, dots = curves({"line": [[0, 1], [1, 2], [2, None]], "dots": [[0, None], [1, 2], [2, None]]}, DARK.series)

    assert line["showSymbol"] is False
    assert dots["showSymbol"] is True


@pytest.mark.parametrize("colours", [DARK, LIGHT], ids=["dark", "light"])
def test_colours_of_series_and_words_stand_out_from_their_surface(colours: Palette) -> None:
    for colour in (*colours.series, colours.good, colours.warn, colours.bad):
        assert contrast(colour, colours.surface) >= 3, colour
    for colour in (colours.text, colours.muted):
        assert contrast(colour, colours.surface) >= 4.5, colour


def contrast(one: str, other: str) -> float:
    """WCAG contrast ratio of two colours."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_an_unknown_theme_is_the_dark_one() -> None:
    assert palette("light") is LIGHT
    assert palette(None) is palette("neon") is DARK


def test_the_note_waits_and_then_turns() -> None:
    columns = ("kind", "events", "latest", "latest_at")

    assert "Waiting for your first event…" in arrival(Rows(columns, []), snapshot())
    arrived = arrival(Rows(columns, [["track", 1200, "signed_up", "2026-11-23 11:59:18"]]), snapshot())
    assert "<code>signed_up</code>, 42 s ago. Within a day: 1,200 product events." in arrived


def test_snippets_carry_the_key_and_the_gateway() -> None:
    settings = DashboardSettings(gateway_url="https://in.example:8443/", write_key="key1", project_number=7)

    assert dsn(settings) == "https://key1@in.example:8443/7"
    found = {snippet.key: snippet.text for snippet in snippets(settings)}
    assert set(found) == {"curl", "tidegate", "browser", "segment", "sentry", "opentelemetry"}
    for key in ("curl", "browser", "segment", "sentry", "opentelemetry"):
        assert "in.example:8443" in found[key]
        assert "key1" in found[key]
    for key in ("tidegate", "segment", "sentry"):
        compile(found[key], key, "exec")


@pytest.mark.parametrize(("took", "pause"), [(0.0, 1.0), (0.9, 1.0), (4.0, 4.0), (60.0, 15.0)])
def test_slow_rounds_lengthen_the_pause_up_to_a_bound(took: float, pause: float) -> None:
    assert pause_seconds(1.0, took) == pytest.approx(pause)


@pytest.mark.parametrize(
    ("cost", "step", "interval"),
    [(0.001, 10, 1.0), (0.03, 10, 1.8), (9.0, 10, 2.0), (9.0, 900, 15.0), (0.1, 7200, 6.0)],
)
def test_dear_queries_are_asked_less_often_but_often_enough(cost: float, step: int, interval: float) -> None:
    assert interval_seconds(1.0, cost, step) == pytest.approx(interval)


def test_names_of_downloads_hold_nothing_odd() -> None:
    name = filename("latency", 'a/b"\r\nü', "15m", NOON, "csv")

    assert name == "tidegate-latency-a-b-----15m-20261123T120000Z.csv"


def test_receipts_say_who_asked_who_confirmed_and_when_the_last_copy_goes() -> None:
    columns = (
        "receipt_id", "stage", "asked_from", "requested_by", "confirmed_by", "requested_at", "logically_erased_at",
        "physically_erased_at", "expected_by", "erased_events",
    )  # fmt: skip
    at = "2026-11-27 12:00:00.000000"
    waiting = ["r-1", "waiting", "dashboard", "<ada>", "", at, None, None, None, 0]
    erased = ["r-2", "logically erased", "command", "", "", at, at, None, "2026-12-05 00:00:00.000000", 12]
    shown = receipts_table(Rows(columns, [waiting, erased]))

    assert "by &lt;ada&gt;" in shown
    assert "<ada>" not in shown
    assert "by command" in shown
    assert "by 2026-12-05 00:00 UTC" in shown
    assert "Nobody has asked" in receipts_table(Rows())
