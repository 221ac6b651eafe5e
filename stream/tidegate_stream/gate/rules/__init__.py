"""A project's own rules, of the file privacy.toml: more that is taken out, and what is no match after all."""

from tidegate_stream.gate.rules.compiled import NO_RULES, ProjectRules, Rules
from tidegate_stream.gate.rules.file import load_rules, parse_rules

__all__ = ["NO_RULES", "ProjectRules", "Rules", "load_rules", "parse_rules"]
