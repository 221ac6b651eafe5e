"""Rules for a frame: expressions over the texts of the projects that have any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import polars as pl

from tidegate_stream.gate.json_columns import written
from tidegate_stream.gate.known import Known
from tidegate_stream.gate.plan import JSON, Plan
from tidegate_stream.gate.rules.compiled import ProjectRules, Rules
from tidegate_stream.gate.rules.members import Tightening
from tidegate_stream.gate.rules.record import scrubbed
from tidegate_stream.gate.scrub import parse_json

Removed = Mapping[str, int]
"""Properties that were left out as their names aren't known, by project."""


def by_rules(
    plan: Plan, rules: Rules, raw: pl.DataFrame, clean: pl.DataFrame, known: Known
) -> tuple[pl.DataFrame, Removed]:
    """Clean rows by their projects' rules; `raw` are the same rows before, `known` what finds their own ids."""
    removed: dict[str, int] = {}
    for project, own in rules.present(raw["project"]):
        rows = (raw["project"] == project).arg_true()
        columns = {name: clean[name] for name in plan.scrubbed}
        changed: list[pl.Series] = []
        for name, whole in columns.items():
            texts = _relaxed(name, own, raw[name], whole, rows, known) if name in own.allowed else whole
            if own.tightens:
                mine, left_out = _tightened(name, own, texts.gather(rows))
                texts = texts.clone().scatter(rows, mine)
                removed[project] = removed.get(project, 0) + left_out
            if texts is not whole:
                changed.append(texts)
        clean = clean.with_columns(changed)
    return clean, {project: number for project, number in removed.items() if number}


def _relaxed(
    name: str, rules: ProjectRules, raw: pl.Series, clean: pl.Series, rows: pl.Series, known: Known
) -> pl.Series:
    """Of the rows that lost something: again, one by one, without the patterns that are allowed."""
    lost = rows.filter((raw.gather(rows) != clean.gather(rows)).fill_null(value=False))
    again = [scrubbed(name, raw[row], known.pattern(row), rules) for row in lost]
    return clean.clone().scatter(lost, pl.Series(again, dtype=pl.String)) if again else clean


def _tightened(name: str, rules: ProjectRules, texts: pl.Series) -> tuple[pl.Series, int]:
    if name in JSON:
        return _tightened_json(name, rules, texts)
    return texts.to_frame("text").select(_substituted(rules, pl.col("text"))).to_series(), 0


def _substituted(rules: ProjectRules, texts: pl.Expr) -> pl.Expr:
    for substitution in rules.substitutions:
        texts = substitution.apply(texts)
    return texts


def _tightened_json(name: str, rules: ProjectRules, texts: pl.Series) -> tuple[pl.Series, int]:
    """Each distinct text is parsed once, each distinct string in it looked at once."""
    often = Counter(texts.to_list())
    values = {text: parse_json(text, JSON[name]) for text in often if text not in {"{}", "[]"}}
    clean = _changed(rules, values.values()) if rules.substitutions else {}
    olds: list[str] = []
    news: list[object] = []
    left_out = 0
    walk = Tightening(rules, name, lambda text, _: clean.get(text, text))
    for text, value in values.items():
        new = walk(value)
        left_out += walk.removed * often[text]
        if walk.changed:
            olds.append(text)
            news.append(new)
    return (texts.replace(olds, list(written(news))) if olds else texts), left_out


def _changed(rules: ProjectRules, values: Iterable[object]) -> dict[str, str]:
    """What of the texts in values the rules' patterns change, and into what."""
    distinct = pl.Series("text", list(set(_texts(values))), dtype=pl.String)
    both = distinct.to_frame().select("text", _substituted(rules, pl.col("text")).alias("clean"))
    return dict(both.filter(pl.col("text") != pl.col("clean")).iter_rows())


def _texts(values: Iterable[object]) -> Iterator[str]:
    """Every text that stands anywhere in values, names and numbers too."""
    for value in values:
        match value:
            case str():
                yield value
            case bool() | None:
                continue
            case int() | float():
                yield str(value)
            case dict():
                yield from value
                yield from _texts(value.values())
            case list():
                yield from _texts(value)
