"""What rules take out of a JSON value. One walk for columns and records; they differ in who looks at the texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tidegate_stream.gate.rules.compiled import REMOVED, ProjectRules
from tidegate_stream.gate.scrub import IN_NAME, places, tells_nothing
from tidegate_stream.gate.texts import Step, Told


@dataclass
class Tightening:
    """A walk through values of one field, one after the other; `changed` and `removed` are of the last."""

    rules: ProjectRules
    column: str
    substituted: Callable[[str, str], str]
    """A text without what the rules' patterns find; of the text, and the path at which it stands."""
    told: Told | None = None
    changed: bool = False
    removed: int = 0
    """Members that were left out as their names aren't known."""
    _key_rules: dict[str, str | None] = field(default_factory=dict)

    def __call__(self, value: object) -> object:
        """The value without what the rules take out."""
        self.changed, self.removed = False, 0
        known = self.rules.known.get(self.column)
        if known is not None and isinstance(value, dict):
            value = self._known(value, known)
        return self._value(value, self.column)

    def _known(self, members: dict[str, object], known: Iterable[str]) -> dict[str, object]:
        kept = {name: item for name, item in members.items() if name in known}
        if left_out := len(members) - len(kept):
            self.changed = True
            self.removed += left_out
            for name in members.keys() - kept.keys() if self.told else ():
                self._tell(f"{self.column}.{name}", self.rules.known_rules[self.column], members[name], None)
        return kept

    def _value(self, value: object, path: str) -> object:
        match value:
            case str():
                return self._text(value, path)
            case bool() | None:
                return value
            case int() | float():
                text = str(value)
                return value if (clean := self._text(text, path)) == text else clean
            case dict():
                return self._object(value, path)
            case list():
                return [self._value(item, path) for item in value]
            case _:
                raise TypeError(f"no JSON value: {type(value).__name__}")

    def _text(self, text: str, path: str) -> str:
        clean = self.substituted(text, path)
        if clean != text:
            self.changed = True
        return clean

    def _object(self, members: dict[str, object], path: str) -> dict[str, object]:
        names = {name: self._text(name, path + IN_NAME) for name in members}
        return {place: self._member(name, members[name], f"{path}.{place}") for name, place in places(names).items()}

    def _member(self, name: str, item: object, path: str) -> object:
        rule = self._key_rule(name) if self.rules.keys else None
        if rule is None or tells_nothing(item) or item == REMOVED:
            return self._value(item, path)
        self.changed = True
        self._tell(path, rule, item, REMOVED)
        return REMOVED

    def _key_rule(self, name: str) -> str | None:
        if name not in self._key_rules:
            self._key_rules[name] = self.rules.key_rule(name)
        return self._key_rules[name]

    def _tell(self, path: str, rule: str, before: object, after: object) -> None:
        if self.told is not None:
            self.told(Step(path, rule, before, after))
