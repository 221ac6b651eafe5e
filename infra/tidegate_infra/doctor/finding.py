"""What a check of the doctor found."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Finding", "Verdict", "good", "note", "wrong"]


class Verdict(StrEnum):
    """How a finding is to be taken."""

    OK = "ok"
    NOTE = "note"
    """Works, but worth knowing."""
    WRONG = "wrong"
    """Keeps something from working."""


@dataclass(frozen=True)
class Finding:
    """What was looked at, what was found, and for anything but OK how to fix it."""

    subject: str
    verdict: Verdict
    found: str
    fix: str = ""


def good(subject: str, found: str) -> Finding:
    """All is well."""
    return Finding(subject, Verdict.OK, found)


def note(subject: str, found: str, fix: str) -> Finding:
    """Worth knowing."""
    return Finding(subject, Verdict.NOTE, found, fix)


def wrong(subject: str, found: str, fix: str) -> Finding:
    """To be fixed."""
    return Finding(subject, Verdict.WRONG, found, fix)
