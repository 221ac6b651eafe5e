"""ECharts options: the frame of a chart once, its data again and again. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tidegate_dashboards.ranges import Span
from tidegate_dashboards.shape import Point
from tidegate_dashboards.web.palette import Palette

__all__ = ["bars", "categories", "category_frame", "curves", "time_frame", "window"]

Options = dict[str, Any]

FIT = {"outerBoundsMode": "same", "outerBoundsContain": "axisLabel"}
FONT = "Inter, ui-sans-serif, system-ui, Roboto, 'Segoe UI', sans-serif"


def time_frame(colours: Palette, unit: str, *, most: float | None = None) -> Options:
    """A chart over time. `unit` names a formatter in static/tidegate.js; `most` is the axis' least upper end."""
    axis: Options = {
        **_value_axis(colours, unit),
        **({":max": f"extent => extent.max < {most} ? {most} : null"} if most is not None else {}),
    }
    return {
        **_frame(colours, unit),
        "xAxis": {
            "type": "time",
            "axisLine": {"lineStyle": {"color": colours.border}},
            "axisTick": {"show": False},
            "axisLabel": {"color": colours.muted, "hideOverlap": True, "fontSize": 11},
            "splitLine": {"show": False},
        },
        "yAxis": axis,
        "series": [],
    }


def category_frame(colours: Palette, unit: str) -> Options:
    """Horizontal bars by category, the first on top."""
    return {
        **_frame(colours, unit),
        "xAxis": _value_axis(colours, unit),
        "yAxis": {
            "type": "category",
            "inverse": True,
            "data": [],
            "axisLine": {"show": False},
            "axisTick": {"show": False},
            "axisLabel": {"color": colours.text, "fontSize": 12, "width": 150, "overflow": "truncate"},
        },
        "series": [],
    }


def window(span: Span) -> Options:
    """Both ends of the time axis."""
    return {"min": span.start.timestamp() * 1000, "max": span.end.timestamp() * 1000}


def curves(named: Mapping[str, Sequence[Point]], colours: Sequence[str], *, area: bool = False) -> list[Options]:
    """A line for each name. Single points between gaps show as dots."""
    many = len(named) > 1
    return [
        {
            "type": "line",
            "id": name,
            "name": name,
            "data": list(points),
            "color": colours[index % len(colours)],
            "lineStyle": {"width": 2},
            "showSymbol": _lonely(points),
            "symbol": "circle",
            "symbolSize": 6,
            "emphasis": {"focus": "series"} if many else {"disabled": True},
            **({"areaStyle": {"opacity": 0.14}} if area else {}),
        }
        for index, (name, points) in enumerate(named.items())
    ]


def bars(named: Mapping[str, Sequence[Point]], colours: Sequence[str], *, stack: str | None = "all") -> list[Options]:
    """Bars for each name, stacked unless `stack` is None."""
    return [
        {
            "type": "bar",
            "id": name,
            "name": name,
            "data": list(points),
            "color": colours[index % len(colours)],
            "barCategoryGap": "25%",
            "barMaxWidth": 18,
            "itemStyle": {"borderRadius": 0 if stack else [3, 3, 0, 0]},
            **({"stack": stack} if stack else {}),
        }
        for index, (name, points) in enumerate(named.items())
    ]


def categories(labels: Sequence[str], named: Mapping[str, Sequence[float]], colours: Sequence[str]) -> Options:
    """Data of a category chart: labels and one bar a name beside each."""
    return {
        "yAxis": {"data": list(labels)},
        "series": [
            {
                "type": "bar",
                "id": name,
                "name": name,
                "data": list(numbers),
                "color": colours[index % len(colours)],
                "barMaxWidth": 9,
                "barGap": "20%",
                "itemStyle": {"borderRadius": [0, 3, 3, 0]},
            }
            for index, (name, numbers) in enumerate(named.items())
        ],
    }


def _lonely(points: Sequence[Point]) -> bool:
    """Whether a point has gaps on both sides, so that a line alone would not show it."""
    known = [False, *(point[1] is not None for point in points), False]
    return any(
        here and not before and not after for before, here, after in zip(known, known[1:], known[2:], strict=False)
    )


def _value_axis(colours: Palette, unit: str) -> Options:
    return {
        "type": "value",
        "min": 0,
        "splitNumber": 4,
        "axisLabel": {"color": colours.muted, "fontSize": 11, ":formatter": f"value => tidegate.{unit}(value)"},
        "splitLine": {"lineStyle": {"color": colours.line}},
        "axisLine": {"show": False},
    }


def _frame(colours: Palette, unit: str) -> Options:
    return {
        "animationDuration": 300,
        "animationDurationUpdate": 300,
        "textStyle": {"fontFamily": FONT, "color": colours.text},
        "aria": {"enabled": True},
        "grid": {"left": 4, "right": 14, "top": 36, "bottom": 4, **FIT},
        "legend": {
            "type": "scroll",
            "top": 0,
            "left": 0,
            "icon": "roundRect",
            "itemWidth": 10,
            "itemHeight": 10,
            "itemGap": 14,
            "textStyle": {"color": colours.muted, "fontSize": 12},
            "inactiveColor": colours.border,
            "pageTextStyle": {"color": colours.muted},
            "pageIconColor": colours.muted,
            "pageIconInactiveColor": colours.border,
        },
        "tooltip": {
            "trigger": "axis",
            "confine": True,
            "axisPointer": {"type": "line", "lineStyle": {"color": colours.muted, "type": "dashed"}},
            "backgroundColor": colours.surface,
            "borderColor": colours.border,
            "textStyle": {"color": colours.text, "fontSize": 12},
            "extraCssText": "border-radius: 8px; box-shadow: 0 8px 24px rgb(0 0 0 / .18);",
            ":valueFormatter": f"value => tidegate.{unit}(value)",
        },
    }
