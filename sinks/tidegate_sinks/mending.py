"""JSON that a JSON column of ClickHouse refuses, or that its clients can't read, made into JSON that both take.

Such a column holds paths: `{"a.b": 1}` and `{"a": {"b": 1}}` are the same one. So an object that says both is refused,
and with it every row of its insert, at every attempt. An object whose value lies on the way to another,
`{"a": 1, "a.b": 2}`, is taken, but clickhouse-connect then fails on every answer that holds it. Any sender can write
either. An insert as Arrow doesn't heed `type_json_skip_duplicated_paths` (26.9), hence this.
"""

from __future__ import annotations

import json
from typing import Any

import polars as pl

#: Where the text of a value goes that is no JSON object at all.
UNREADABLE = "_unreadable"

_KEY = r'"((?:[^"\\]|\\.)*)":'
_DOTTED_KEY = r'\.(?:[^"\\]|\\.)*":'


def mend_rows(rows: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """The rows with these columns' texts mended."""
    return rows.with_columns(
        pl.Series(name, [text if text is None else mend(text) for text in rows[name]], pl.String) for name in columns
    )


def mend_clashes(rows: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """The rows with those texts mended in which a path may be said twice or lie on the way to another.

    That needs a key with a dot, one of whose beginnings is a key as well, or two such. Which keys come together is
    looked at once for each set of them, as OpenTelemetry's attributes have dots in every record.
    """
    for name in columns:
        dotted = rows.get_column(name).str.contains(_DOTTED_KEY).fill_null(value=False)
        if not dotted.any():
            continue
        keys = rows.get_column(name).filter(dotted).str.extract_all(_KEY).list.join(separator="")
        clashing = {joined for joined in keys.unique().to_list() if _may_clash(joined)}
        if clashing:
            found = dotted.arg_true().filter(keys.is_in(clashing))
            mended = pl.Series(name, [mend(text) for text in rows.get_column(name).gather(found)], pl.String)
            rows = rows.with_columns(rows.get_column(name).scatter(found, mended))
    return rows


def _may_clash(joined: str) -> bool:
    keys = joined[1:-2].split('":"')
    known = set(keys)
    for key in keys:
        names = key.split(".")
        if any(".".join(names[:length]) in known for length in range(1, len(names))):
            return True
    return False


def mend(text: str) -> str:
    """A JSON object, nested as its paths say, that names each path once.

    Of several values for one path the first in the order of keys stays; a value on the way to others goes below them,
    under the empty name. A text that is no JSON object becomes one that holds it.
    """
    try:
        value = json.loads(text or "{}", parse_constant=_refuse)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        value = {UNREADABLE: text}
    return json.dumps(_nested(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _nested(value: dict[str, Any]) -> dict[str, Any]:
    root: dict[str, Any] = {}
    for key in sorted(value):
        _place(root, key.split("."), value[key])
    return root


def _place(node: dict[str, Any], path: list[str], member: Any) -> None:
    if isinstance(member, dict) and member:
        for key in sorted(member):
            _place(node, [*path, *key.split(".")], member[key])
        return
    *parents, last = path
    for name in parents:
        if not isinstance(node.setdefault(name, {}), dict):
            node[name] = {"": node[name]}
        node = node[name]
    if isinstance(node.get(last), dict):
        if member != {}:
            _place(node[last], [""], member)
    elif last not in node:
        node[last] = _element(member)


def _element(value: Any) -> Any:
    """Objects in arrays have paths of their own; a number without bounds is no JSON, and a lone surrogate no text."""
    match value:
        case list():
            return [_element(item) for item in value]
        case dict():
            return _nested(value)
        case float() if value in (float("inf"), float("-inf")):
            return None
        case str():
            return value.encode("utf-8", "replace").decode()
    return value


def _refuse(constant: str) -> None:
    raise ValueError(constant)
