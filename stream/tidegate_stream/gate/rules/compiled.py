"""Rules as the gate uses them. What a project doesn't have costs nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import lru_cache

import polars as pl

from tidegate_stream.gate.scrub import WORD

REMOVED = "[removed]"


@dataclass(frozen=True)
class Substitution:
    """What Rust's engine finds anywhere in a text, and what is put there; `rule` is for who asks why."""

    rule: str
    find: str
    replacement: str

    def apply(self, texts: pl.Expr) -> pl.Expr:
        """Of a column of texts."""
        return texts.str.replace_all(self.find, self.replacement)


@dataclass(frozen=True)
class RemovedKey:
    """A key whose values are removed: its words, in order, somewhere among a name's words."""

    rule: str
    words: tuple[str, ...]

    def names(self, key: str) -> bool:
        """Whether a member's name is meant."""
        found = words_of(key)
        return any(found[at : at + len(self.words)] == self.words for at in range(len(found)))

    def assignment(self) -> Substitution:
        """The same in text: `customer_number=…` of a form's body, a query or a log line."""
        name = "[^A-Za-z0-9]{0,2}".join(self.words)
        find = (
            rf"(?i)(^|[^A-Za-z0-9])({name})(\\?[\"']?\s*(?:=|:|%3D)\s*\\?[\"']?)"
            r"[^\s&;,\"'<>\\\[{][^\s&;,\"'<>\\]*"
        )
        return Substitution(self.rule, find, "${1}${2}${3}" + REMOVED)


@dataclass(frozen=True)
class ProjectRules:
    """One project's rules. Those that take out more follow what every gate does, so they can't weaken it."""

    patterns: tuple[Substitution, ...] = ()
    keys: tuple[RemovedKey, ...] = ()
    known: Mapping[str, Set[str]] = field(default_factory=dict)
    """Names that pass at the top of a JSON field, by field; a field that isn't here lets all pass."""
    known_rules: Mapping[str, str] = field(default_factory=dict)
    allowed: Mapping[str, Mapping[str, Set[str]]] = field(default_factory=dict)
    """Patterns that are not looked for, by field and by path, the field included."""
    allowed_rules: Mapping[str, str] = field(default_factory=dict)
    variables: bool = False
    """Whether local variables stay in stacks."""

    @property
    def substitutions(self) -> tuple[Substitution, ...]:
        """All that is looked for in texts, in the order of its use."""
        return (*self.patterns, *(key.assignment() for key in self.keys))

    @property
    def tightens(self) -> bool:
        """Whether anything is taken out on top of what every gate takes out."""
        return bool(self.patterns or self.keys or self.known)

    def key_rule(self, key: str) -> str | None:
        """The rule that removes what a member of this name holds."""
        return next((one.rule for one in self.keys if one.names(key)), None)


NOTHING = ProjectRules()


@dataclass(frozen=True)
class Rules:
    """All projects' rules."""

    projects: Mapping[str, ProjectRules] = field(default_factory=dict)
    fingerprint: int = 0
    """Of the file's text; 0 where there is none."""

    def of(self, project: str) -> ProjectRules:
        """A project's rules; none for one that has none."""
        return self.projects.get(project, NOTHING)

    def present(self, projects: pl.Series) -> Sequence[tuple[str, ProjectRules]]:
        """Those of the projects that occur in a column."""
        if not self.projects:
            return ()
        return [(name, self.projects[name]) for name in projects.unique() if name in self.projects]


NO_RULES = Rules()


@lru_cache(maxsize=10_000)
def words_of(key: str) -> tuple[str, ...]:
    """The words of a name, in lower case, as the gate's own look at keys splits them."""
    return tuple(word.lower() for word in WORD.findall(key))
