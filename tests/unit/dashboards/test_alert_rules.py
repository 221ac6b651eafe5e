from pathlib import Path

import pytest

from tidegate_dashboards.alerts.rules import load_rules
from tidegate_dashboards.errors import RuleError

RULE = """
[[rule]]
name = "{name}"
summary = "It is too much"
query = "{query}"
threshold = 1
"""


def test_the_rules_that_come_with_tidegate_are_on_server_errors_by_endpoint_and_on_lost_events() -> None:
    (rule, query), (missing, _) = load_rules().items()

    assert (missing.name, missing.comparison, missing.threshold) == ("ledger-missing", ">", 0)
    assert rule.name == "server-error-rate"
    assert (rule.comparison, rule.threshold, rule.minimum_sample, rule.window_seconds) == (">", 0.05, 20, 300)
    assert set(query.parameters) == {"project", "start", "end"}


def test_a_rule_may_bring_its_own_query_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "mine.sql").write_text("-- One row.\nSELECT 1 AS value, 1 AS sample")
    path = tmp_path / "rules.toml"
    path.write_text(RULE.format(name="mine", query="mine.sql"))

    ((rule, query),) = load_rules(path).items()

    assert rule.severity == "warning"
    assert query.sql == "SELECT 1 AS value, 1 AS sample"


def test_an_unknown_query_is_named_with_the_places_that_were_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(RULE.format(name="mine", query="nope"))

    with pytest.raises(RuleError, match=r"rule mine: there is no query 'nope' .* nor a file .*nope\.sql"):
        load_rules(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (RULE.format(name="Not A Name", query="server_error_rate"), "name"),
        (RULE.format(name="a", query="server_error_rate") * 2, "two rules are called a"),
        (RULE.format(name="a", query="server_error_rate") + "treshold = 2", "treshold"),
        (RULE.format(name="a", query="server_error_rate").replace("It is", "{value"), "summary"),
        ("[[rule]", "Expected"),
        ("", "rule"),
    ],
)
def test_a_bad_file_is_refused_with_the_field_that_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(text)

    with pytest.raises(RuleError, match=said):
        load_rules(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match=r"none\.toml"):
        load_rules(tmp_path / "none.toml")
