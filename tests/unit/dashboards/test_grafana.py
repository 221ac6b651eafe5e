import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tidegate_dashboards import grafana
from tidegate_dashboards.catalogue import load
from tidegate_dashboards.errors import QueryError

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
END = datetime(2026, 11, 23, 13, tzinfo=UTC)
FIRST, LAST = "toDateTime(1795435200)", "toDateTime(1795438800)"


@pytest.mark.parametrize(
    ("sql", "expanded"),
    [
        ("$__timeFilter(window_start)", f"window_start >= {FIRST} AND window_start <= {LAST}"),
        ("$__timeInterval(t)", "toStartOfInterval(toDateTime(t), INTERVAL 60 second)"),
        ("n / $__interval_s", "n / 60"),
        ("[$__fromTime, $__toTime]", f"[{FIRST}, {LAST}]"),
        ("${project:sqlstring}", "'it''s'"),
    ],
)
def test_macros_expand_as_in_the_plugin(sql: str, expanded: str) -> None:
    assert grafana.expand(sql, START, END, 60, {"project": "it's"}) == expanded


@pytest.mark.parametrize("sql", ["$__nope(x)", "${nobody}"])
def test_what_the_plugin_would_leave_in_the_statement_is_an_error(sql: str) -> None:
    with pytest.raises(QueryError, match=r"no (macro|variable)"):
        grafana.expand(sql, START, END, 60, {})


def test_the_files_are_where_grafana_looks_for_them(tmp_path: Path) -> None:
    paths = grafana.write(tmp_path, "http://clickhouse:8124")

    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        "datasources/tidegate.yaml",
        "dashboards/tidegate.yaml",
        "dashboards/tidegate/overview.json",
    ]
    source = json.loads(paths[0].read_text())["datasources"][0]
    assert source["type"] == "grafana-clickhouse-datasource"
    assert (source["jsonData"]["host"], source["jsonData"]["port"]) == ("clickhouse", 8124)
    assert source["jsonData"]["protocol"] == "http"
    assert "secureJsonData" not in source
    provider = json.loads(paths[1].read_text())["providers"][0]
    assert provider["options"]["path"] == "/etc/grafana/provisioning/dashboards/tidegate"


def test_a_password_goes_where_grafana_encrypts_it(tmp_path: Path) -> None:
    path = grafana.write(tmp_path, "https://reader:s%40fe@clickhouse")[0]
    source = json.loads(path.read_text())["datasources"][0]

    assert source["secureJsonData"] == {"password": "s@fe"}
    assert source["jsonData"]["username"] == "reader"
    assert (source["jsonData"]["port"], source["jsonData"]["secure"]) == (8443, True)
    assert "s@fe" not in json.dumps(source["jsonData"])


def test_the_dashboard_is_the_same_every_time_and_every_query_is_on_it() -> None:
    found = grafana.dashboard()

    assert found == grafana.dashboard()
    assert len({panel["id"] for panel in found["panels"]}) == len(grafana.PANELS)
    used = {panel.query for panel in grafana.PANELS}
    assert used | {"projects"} == set(load("tidegate_dashboards.grafana.queries"))


def test_panels_do_not_overlap_and_fit_in_24_columns() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in grafana.dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_a_click_on_a_trace_shows_its_spans_on_the_same_dashboard() -> None:
    found = grafana.dashboard()
    panels = {panel["title"]: panel for panel in found["panels"]}
    (override,) = panels["Slowest traces"]["fieldConfig"]["overrides"]
    (link,) = override["properties"][0]["value"]

    assert override["matcher"] == {"id": "byName", "options": "trace"}
    assert f"/d/{found['uid']}?" in link["url"]
    assert "var-trace=${__value.raw}" in link["url"]
    assert "trace" in {variable["name"] for variable in found["templating"]["list"]}
    assert "${trace:sqlstring}" in panels["Spans of the trace"]["targets"][0]["rawSql"]
