"""Alert rules as a TOML file says them, validated. A rule names a .sql file; values never become part of its text."""

from __future__ import annotations

import operator
import string
import tomllib
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tidegate_dashboards.catalogue import Catalogue, Query, load, parse
from tidegate_dashboards.errors import RuleError

__all__ = ["Comparison", "Rule", "RuleSet", "load_rules"]

Comparison = Literal[">", ">=", "<", "<="]
COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
PACKAGE = "tidegate_dashboards.alerts.queries"


class Rule(BaseModel):
    """When to alert. Each row of the query is one alert: its other columns are the labels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
    """Label `alertname`; also names the rule in state and metrics."""
    summary: str
    """One sentence for people. `{value}`, `{sample}` and label columns are filled in, formatted if wanted."""
    query: str
    """A query that comes with Tidegate, or a .sql file beside the rules file. It answers with label columns,
    `value` and `sample`, and may use the parameters project, start and end."""
    severity: Literal["critical", "warning", "info"] = "warning"
    window_seconds: Annotated[int, Field(ge=10, le=86_400)] = 300
    """`start` is this long before `end`, which is now."""
    comparison: Comparison = ">"
    threshold: float
    minimum_sample: Annotated[float, Field(ge=0)] = 0
    """Rows with a smaller `sample` say nothing: two failures of three requests are no incident."""
    for_seconds: Annotated[float, Field(ge=0)] = 0
    """How long the condition must hold before it fires; until then the alert is pending."""
    no_data: Literal["keep", "resolve", "fire"] = "resolve"
    """What becomes of an alert whose row is missing or too small for `no_data_after_seconds`: a firing one stays, or
    resolves; `fire` also raises one for a series that was well before."""
    no_data_after_seconds: Annotated[float, Field(ge=0)] = 600

    @field_validator("summary")
    @classmethod
    def _is_a_template(cls, summary: str) -> str:
        list(string.Formatter().parse(summary))
        return summary

    def broken(self, value: float) -> bool:
        """Whether a value is beyond the threshold."""
        return COMPARE[self.comparison](value, self.threshold)


class RuleSet(BaseModel):
    """A rules file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: tuple[Rule, ...]

    @field_validator("rule")
    @classmethod
    def _names_differ(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        names = [rule.name for rule in rules]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two rules are called {', '.join(twice)}; names must differ")
        return rules


def load_rules(path: Path | None = None) -> dict[Rule, Query]:
    """The rules of a file, or those that come with Tidegate, each with its query. Raises RuleError."""
    source = str(path or "the rules that come with Tidegate")
    try:
        text = (
            path.read_text("utf-8") if path else files("tidegate_dashboards.alerts").joinpath("rules.toml").read_text()
        )
        rules = RuleSet.model_validate(tomllib.loads(text)).rule
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise RuleError(f"{source}: {error}") from error
    ours = load(PACKAGE)
    return {rule: _query(rule, ours, path.parent if path else None, source) for rule in rules}


def _query(rule: Rule, ours: Catalogue, beside: Path | None, source: str) -> Query:
    if rule.query in ours:
        return ours[rule.query]
    file = beside / f"{rule.query.removesuffix('.sql')}.sql" if beside else None
    if file is None or not file.is_file():
        where = f" nor a file {file}" if file else ""
        raise RuleError(f"{source}: rule {rule.name}: there is no query {rule.query!r} among {', '.join(ours)}{where}")
    return parse(file.stem, file.read_text("utf-8"))
