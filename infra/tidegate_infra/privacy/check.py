"""`tidegate privacy check`: whether the file of privacy rules can be used, and what it says."""

from collections.abc import Iterator
from pathlib import Path

from tidegate_infra.keys import PROJECTS
from tidegate_schemas.canonical import TRUNCATED_KEY
from tidegate_stream.gate.rules import ProjectRules, load_rules

__all__ = ["checked"]


def checked(path: Path | None) -> Iterator[str]:
    """One line a project of the file. Raises RulesError, which names each line that is wrong."""
    rules = load_rules(path, required=True)
    if path is None:
        yield "no privacy.toml in the home and no TIDEGATE_PRIVACY_RULES: every project has the gate's own rules only"
        return
    yield f"{path} is right. A worker follows it from its next start on: restart it"
    for project, own in rules.projects.items():
        known = "" if project in PROJECTS.values() else " (no such project here yet)"
        yield f"  {project}{known}: {_said(own)}"


def _said(rules: ProjectRules) -> str:
    told = [
        *(f"{len(names - {TRUNCATED_KEY})} known {field}, others are left out" for field, names in rules.known.items()),
        *([f"{len(rules.keys)} removed keys"] if rules.keys else []),
        *([f"{len(rules.patterns)} patterns"] if rules.patterns else []),
        *([f"{len(rules.allowed_rules)} paths with something allowed"] if rules.allowed_rules else []),
        *(["local variables stay in stacks"] if rules.variables else []),
    ]
    return "; ".join(told) or "nothing"
