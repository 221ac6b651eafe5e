"""The event contract: a privacy class and a doc on every field, clean schemas derived, versions that go together."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidegate_schemas.__main__ import main
from tidegate_schemas.errors import EvolutionError, SchemaError
from tidegate_schemas.evolution import check_history, incompatibilities, record_history, type_problems
from tidegate_schemas.history import HISTORY
from tidegate_schemas.subjects import (
    KINDS,
    PRIVACY_CLASSES,
    PSEUDONYM_NAMES,
    SOURCE_OFFSET,
    Kind,
    Schema,
    all_schemas,
    build_schema,
    clean_schema,
    outcome_schema,
    raw_schema,
)

SCHEMAS = pytest.mark.parametrize("schema", all_schemas(), ids=lambda schema: schema.subject)
KIND = pytest.mark.parametrize("kind", KINDS)


@SCHEMAS
def test_every_field_has_a_privacy_class_and_a_doc(schema: Schema) -> None:
    for item in schema.definition["fields"]:
        assert item["privacy"] in PRIVACY_CLASSES, item["name"]
        assert item["doc"].strip(), item["name"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda field: field.pop("privacy"), r"field 'outcome_id' of tidegate\.outcome has privacy class None"),
        (lambda field: field.update(privacy="public"), "privacy class 'public'; every field needs one of keep, drop"),
        (lambda field: field.pop("doc"), r"field 'outcome_id' of tidegate\.outcome has no doc"),
        (lambda field: field.update(doc="  "), "has no doc"),
        (lambda field: field.update(default=3), r"tidegate\.outcome is no Avro schema: Default value <3> must match"),
        (lambda field: field.update(name="kind"), r"has a field twice: \['kind', 'kind'\]"),
    ],
)
def test_control_a_planted_field_fails_by_its_name(change: Callable[[dict[str, Any]], Any], complaint: str) -> None:
    definition = copy.deepcopy(outcome_schema().definition)
    change(definition["fields"][0])
    with pytest.raises(SchemaError, match=complaint):
        build_schema("tidegate.outcome", definition)


@KIND
def test_clean_schemas_are_the_raw_ones_less_what_is_dropped(kind: Kind) -> None:
    raw, clean = raw_schema(kind), clean_schema(kind)
    kept = [PSEUDONYM_NAMES.get(item.name, item.name) for item in raw.fields if item.privacy != "drop"]
    assert list(clean.names) == [*kept, SOURCE_OFFSET]
    assert all(item.nullable for item in clean.fields)
    assert {item.privacy for item in clean.fields} == {"keep"}


@KIND
def test_ids_of_people_leave_as_pseudonyms(kind: Kind) -> None:
    raw = {item.name: item.privacy for item in raw_schema(kind).fields}
    assert {raw[name] for name in ("user_id", "anonymous_id", "session_id")} == {"pseudonymise"}
    assert (raw["ip"], raw["user_agent"], raw["url"], raw["properties"]) == ("truncate", "coarsen", "scrub", "scrub")
    assert not {"user_id", "anonymous_id", "session_id", "previous_id", "traits"} & set(clean_schema(kind).names)
    assert clean_schema(kind).field("visitor").raw_name == "anonymous_id"


def test_a_field_that_is_not_there_is_named() -> None:
    with pytest.raises(SchemaError, match=r"tidegate\.outcome has no field 'nothing'"):
        outcome_schema().field("nothing")


def test_the_recorded_history_goes_with_the_schemas() -> None:
    assert check_history() == []
    assert main(["check"]) == 0


def changed(change: Callable[[list[dict[str, Any]]], Any]) -> Schema:
    """The outcome's schema with other fields."""
    definition = copy.deepcopy(outcome_schema().definition)
    change(definition["fields"])
    return build_schema("tidegate.outcome", definition)


NEW = {"name": "extra", "type": "string", "doc": "More.", "privacy": "keep"}
BREAKING: list[tuple[str, Callable[[list[dict[str, Any]]], Any], str]] = [
    ("a field without a default is new", lambda fields: fields.append(NEW), "field extra: one version lacks it"),
    ("one is gone", lambda fields: fields.pop(0), "field outcome_id: one version lacks it"),
    ("one is renamed", lambda fields: fields[0].update(name="id"), "field id: one version lacks it"),
    ("a type is wider", lambda fields: fields[7].update(type="double"), "field quantity: type long can't be read as"),
    ("a type is narrower", lambda fields: fields[7].update(type="int"), "field quantity: type long can't be read as"),
    ("null is allowed", lambda fields: fields[1].update(type=["null", "string"], default=None), "field project: type"),
    ("an enum", lambda fields: fields.append({**NEW, "type": {"type": "enum", "name": "E", "symbols": ["A"]}}), "enum"),
]


@pytest.mark.parametrize(("change", "complaint"), [each[1:] for each in BREAKING], ids=[each[0] for each in BREAKING])
def test_a_change_that_some_version_could_not_read_is_refused(
    tmp_path: Path, change: Callable[[list[dict[str, Any]]], Any], complaint: str
) -> None:
    record_history([outcome_schema()], tmp_path)
    before = sorted(tmp_path.rglob("*.avsc"))
    assert any(complaint in problem for problem in check_history([changed(change)], tmp_path))
    with pytest.raises(EvolutionError, match="nothing was recorded"):
        record_history([changed(change)], tmp_path)
    assert sorted(tmp_path.rglob("*.avsc")) == before


def test_a_field_with_a_default_is_a_new_version_and_a_doc_is_none(tmp_path: Path) -> None:
    record_history([outcome_schema()], tmp_path)
    documented = changed(lambda fields: fields[0].update(doc="Said better."))
    assert check_history([documented], tmp_path) != []
    assert [path.name for path in record_history([documented], tmp_path)] == ["1.avsc"]
    grown = changed(lambda fields: fields.append({**NEW, "default": ""}))
    assert [path.name for path in record_history([grown], tmp_path)] == ["2.avsc"]
    assert check_history([grown], tmp_path) == []


def test_every_version_is_compared_with_every_other_not_only_its_neighbour(tmp_path: Path) -> None:
    first = changed(lambda fields: fields.append({**NEW, "default": ""}))
    record_history([first], tmp_path)
    record_history([outcome_schema()], tmp_path)
    again = changed(lambda fields: fields.append({**NEW, "type": "long", "default": 0}))
    assert incompatibilities(again, outcome_schema()) == []
    problems = check_history([again], tmp_path)
    assert any("version 1 and the current schema: field extra" in problem for problem in problems)


@pytest.mark.parametrize(
    "avro_type",
    [
        ["string", "null"],
        ["null", "null"],
        {"type": "map", "values": "string"},
        "null",
        ["null", ["null", "int"]],
        "text",
    ],
)
def test_types_that_columns_cannot_hold_are_refused(avro_type: Any) -> None:
    assert type_problems(avro_type) != []


def test_the_check_fails_on_a_history_that_was_tampered_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(HISTORY, tmp_path / "history")
    path = tmp_path / "history" / "tidegate.track.raw" / "1.avsc"
    definition = json.loads(path.read_text())
    definition["fields"][0]["type"] = "long"
    path.write_text(json.dumps(definition))
    assert main(["--history", str(tmp_path / "history"), "check"]) == 1
    assert "tidegate.track.raw" in capsys.readouterr().err


def test_a_subject_that_is_gone_but_recorded_is_told(tmp_path: Path) -> None:
    (tmp_path / "tidegate.old").mkdir()
    record_history([outcome_schema()], tmp_path)
    assert check_history([outcome_schema()], tmp_path) == ["tidegate.old: has a history but is no subject any more"]
