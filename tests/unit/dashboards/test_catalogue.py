import re

import pytest

from tidegate_dashboards.catalogue import load, parse
from tidegate_dashboards.errors import QueryFileError, UnknownQueryError

ALLOWED = {"project": "String", "start": "DateTime('UTC')", "end": "DateTime('UTC')", "step": "UInt32"}


def test_a_query_knows_its_description_and_parameters() -> None:
    query = parse("users", "-- Users\n-- by day.\nSELECT 1 WHERE p = {project:String} AND t < {end:DateTime('UTC')};\n")

    assert query.description == "Users by day."
    assert query.sql == "SELECT 1 WHERE p = {project:String} AND t < {end:DateTime('UTC')}"
    assert query.parameters == {"project": "String", "end": "DateTime('UTC')"}


def test_arguments_are_those_that_the_query_has() -> None:
    query = parse("users", "-- Users.\nSELECT {project:String}")

    assert query.arguments({"project": "a'b", "start": "x"}) == {"param_project": "a'b"}


def test_a_missing_argument_is_an_error_here_and_not_in_clickhouse() -> None:
    with pytest.raises(KeyError, match="project"):
        parse("users", "-- Users.\nSELECT {project:String}").arguments({})


@pytest.mark.parametrize("text", ["SELECT 1", "", "-- Only words."])
def test_a_file_without_description_or_statement_is_refused(text: str) -> None:
    with pytest.raises(QueryFileError, match=r"users\.sql"):
        parse("users", text)


def test_an_unknown_query_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownQueryError, match=r"no query 'nope' in .*; there are: .*endpoint_health"):
        load()["nope"]


@pytest.mark.parametrize("name", sorted(load()))
def test_every_query_of_the_app_reads_the_contract_only_and_takes_known_parameters(name: str) -> None:
    query = load()[name]

    assert dict(query.parameters).items() <= ALLOWED.items()
    assert "project" in query.parameters
    assert re.findall(r"FROM (tidegate\.\w+)", query.sql) == []
    assert "analytics." in query.sql
    assert not re.search(r"\bFORMAT\b", query.sql)
