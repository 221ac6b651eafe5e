"""privacy.toml: what it may say, and how it becomes rules. Errors name the line, what is wrong and what is allowed."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated
from zlib import crc32

import polars as pl
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from tidegate_schemas.canonical import TRUNCATED_KEY
from tidegate_schemas.topics import KINDS
from tidegate_stream.gate.errors import RulesError
from tidegate_stream.gate.patterns import PATTERNS
from tidegate_stream.gate.plan import JSON, compile_plan
from tidegate_stream.gate.rules.compiled import NO_RULES, ProjectRules, RemovedKey, Rules, Substitution, words_of
from tidegate_stream.gate.rules.lines import Path as Place
from tidegate_stream.gate.rules.lines import line_of, lines_of
from tidegate_stream.gate.scrub import KEY_RULE
from tidegate_stream.gate.texts import scrub_text
from tidegate_stream.gate.validity import PROJECT

FILE_NAME = "privacy.toml"
MAX_BYTES = 65_536
MAX_PROJECTS = 200
MAX_PATTERNS = 50
MAX_KEYS = 200
MAX_KNOWN = 2_000
MAX_PATTERN_CHARACTERS = 500
_SAMPLE = "a1 -é_Ä.\n"
"""Has what a pattern of no length may look for: begins, ends and borders of words and lines."""
PATTERN_NAMES = (*(pattern.name for pattern in PATTERNS), KEY_RULE)
FIELDS = tuple(dict.fromkeys(name for kind in KINDS for name in compile_plan(kind).scrubbed))


def _pattern(text: str) -> str:
    try:
        found = pl.Series(["", _SAMPLE]).str.extract_all(text)
    except pl.exceptions.ComputeError as error:
        said = " ".join(str(error).partition("This error occurred")[0].split()).removeprefix("regex error: ")
        raise ValueError(f"no regular expression of Rust's engine, which has no look-around: {said[:300]}") from None
    if "" in found.explode().to_list():
        raise ValueError("matches an empty text, so it would be found everywhere; it must match one character at least")
    return text


def _words(text: str) -> str:
    if not words_of(text):
        raise ValueError("has no word in it; words are letters and digits, such as customer_number")
    return text


def _unscrubbed(name: str) -> str:
    if scrub_text(name) != name or "[" in name:
        raise ValueError("is a name that the gate changes itself, so none like it can pass")
    return name


def _path(path: str) -> str:
    name, _, inner = path.partition(".")
    if name not in FIELDS:
        raise ValueError(f"begins with no field that is scrubbed; those are {', '.join(FIELDS)}")
    if name in JSON and not inner:
        raise ValueError(f"must go on to a member, such as {name}.order_id")
    if inner and name not in JSON:
        raise ValueError(f"must be {name} alone: that field has no members")
    return path


def _pattern_name(name: str) -> str:
    if name not in PATTERN_NAMES:
        raise ValueError(f"is none of {', '.join(PATTERN_NAMES)}")
    return name


def _project(name: str) -> str:
    if not pl.Series([name]).str.contains(PROJECT)[0]:
        raise ValueError("is no project's name: 1 to 64 of A-Z a-z 0-9 _ -")
    return name


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ExtraPattern(_Model):
    """Something that is taken out of texts and names, `[name]` in its place."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    pattern: Annotated[str, Field(min_length=1, max_length=MAX_PATTERN_CHARACTERS), AfterValidator(_pattern)]


class Allowance(_Model):
    """Patterns that are not looked for at one path."""

    path: Annotated[str, Field(max_length=300), AfterValidator(_path)]
    patterns: Annotated[list[Annotated[str, AfterValidator(_pattern_name)]], Field(min_length=1)]


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_unscrubbed)]
Known = Annotated[list[Name], Field(max_length=MAX_KNOWN)]


class ProjectTable(_Model):
    """`[projects.NAME]`."""

    known_properties: Known | None = None
    known_attributes: Known | None = None
    remove_keys: Annotated[list[Annotated[str, AfterValidator(_words)]], Field(max_length=MAX_KEYS)] = []
    stack_variables: bool = False
    patterns: Annotated[list[ExtraPattern], Field(max_length=MAX_PATTERNS)] = []
    allow: list[Allowance] = []


class RulesFile(_Model):
    """The whole file."""

    projects: Annotated[
        dict[Annotated[str, AfterValidator(_project)], ProjectTable], Field(max_length=MAX_PROJECTS)
    ] = {}


def load_rules(path: Path | None, *, required: bool = False) -> Rules:
    """The rules of a file; none if there is no such file and none is `required`. Raises RulesError."""
    if path is None or not (required or path.exists()):
        return NO_RULES
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise RulesError(
            f"{path} can't be read ({error.strerror}): make it, or unset TIDEGATE_PRIVACY_RULES"
        ) from error
    except UnicodeDecodeError as error:
        raise RulesError(f"{path} is not UTF-8 (byte {error.start}): save it as UTF-8") from error
    return parse_rules(text, str(path))


def parse_rules(text: str, source: str = FILE_NAME) -> Rules:
    """Rules from a file's text. Raises RulesError, with a line for each thing that is wrong."""
    if len(text.encode()) > MAX_BYTES:
        raise RulesError(f"{source} has {len(text.encode())} bytes; at most {MAX_BYTES} are allowed")
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RulesError(f"{source} is no TOML: {error}") from error
    lines = lines_of(text)
    try:
        file = RulesFile.model_validate(content)
    except ValidationError as error:
        told = [_explained(source, lines, item["loc"], item) for item in error.errors()]
        raise RulesError("; ".join(told) + ". docs/privacy-rules.md says what may stand there") from error
    short = Path(source).name
    compiled = {name: _compiled(table, _Origin(short, lines, name)) for name, table in file.projects.items()}
    return Rules(compiled, crc32(text.encode()))


def _explained(source: str, lines: Mapping[Place, int], place: Place, item: Mapping[str, object]) -> str:
    place = tuple(part for part in place if part != "[key]")
    path = ".".join(str(part) for part in place)
    said = str(item["msg"]).removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        said = f"is not known here; allowed are {', '.join(_allowed_at(place))}"
    return f"{source} line {line_of(lines, place)}: {path}: {said[0].lower()}{said[1:]}"


def _allowed_at(place: Place) -> Iterator[str]:
    inner: Mapping[str, type[BaseModel]] = {"patterns": ExtraPattern, "allow": Allowance}
    if len(place) <= 1:
        yield from RulesFile.model_fields
    elif len(place) <= 3:
        yield from ProjectTable.model_fields
    else:
        yield from inner[str(place[2])].model_fields


class _Origin:
    """Tells of a rule where it stands."""

    def __init__(self, source: str, lines: Mapping[Place, int], project: str) -> None:
        self._source, self._lines, self._project = source, lines, project

    def rule(self, what: str, *place: str | int) -> str:
        """A rule's name and line."""
        return f"{what} ({self._source} line {line_of(self._lines, ('projects', self._project, *place))})"


def _compiled(table: ProjectTable, origin: _Origin) -> ProjectRules:
    known = {"properties": table.known_properties, "attributes": table.known_attributes}
    listed = {name: frozenset({*names, TRUNCATED_KEY}) for name, names in known.items() if names is not None}
    allowed: dict[str, dict[str, frozenset[str]]] = {}
    for each in table.allow:
        paths = allowed.setdefault(each.path.partition(".")[0], {})
        paths[each.path] = paths.get(each.path, frozenset()) | frozenset(each.patterns)
    return ProjectRules(
        patterns=tuple(
            Substitution(origin.rule(f"pattern {one.name}", "patterns", number), one.pattern, f"[{one.name}]")
            for number, one in enumerate(table.patterns)
        ),
        keys=tuple(_removed_keys(table.remove_keys, origin)),
        known=listed,
        known_rules={name: origin.rule("not a known name", f"known_{name}") for name in listed},
        allowed=allowed,
        allowed_rules={each.path: origin.rule("allowed", "allow", number) for number, each in enumerate(table.allow)},
        variables=table.stack_variables,
    )


def _removed_keys(keys: Sequence[str], origin: _Origin) -> Iterator[RemovedKey]:
    for number, key in enumerate(keys):
        yield RemovedKey(origin.rule(f"key {key}", "remove_keys", number), words_of(key))
