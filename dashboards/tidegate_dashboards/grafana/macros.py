"""Expands the macros and variables of a panel's query as Grafana's ClickHouse plugin does, for tests and by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from tidegate_dashboards.errors import QueryError

__all__ = ["expand"]

MACRO = re.compile(r"\$__(?P<name>[a-zA-Z_]+)(?:\((?P<argument>[^()]*)\))?")
VARIABLE = re.compile(r"\$\{(?P<name>[a-z_]+)(?::(?P<form>[a-z]+))?\}")


def expand(sql: str, start: datetime, end: datetime, interval_seconds: int, variables: Mapping[str, str]) -> str:
    """The statement that ClickHouse gets. Raises QueryError for a macro or variable that isn't known."""
    first, last = f"toDateTime({int(start.timestamp())})", f"toDateTime({int(end.timestamp())})"

    def macro(found: re.Match[str]) -> str:
        argument = (found["argument"] or "").strip()
        known = {
            "timeFilter": f"{argument} >= {first} AND {argument} <= {last}",
            "dateFilter": f"{argument} >= toDate({first}) AND {argument} <= toDate({last})",
            "timeInterval": f"toStartOfInterval(toDateTime({argument}), INTERVAL {interval_seconds} second)",
            "fromTime": first,
            "toTime": last,
            "interval_s": str(interval_seconds),
        }
        if found["name"] not in known:
            raise QueryError(f"no macro $__{found['name']}; there are: {', '.join(f'$__{name}' for name in known)}")
        return known[found["name"]]

    def variable(found: re.Match[str]) -> str:
        if found["name"] not in variables:
            raise QueryError(f"no variable {found['name']}; there are: {', '.join(variables)}")
        value = variables[found["name"]]
        return "'" + value.replace("'", "''") + "'" if found["form"] == "sqlstring" else value

    return VARIABLE.sub(variable, MACRO.sub(macro, sql))
