"""Whose events: a person's pseudonyms from an id, and what goes with them. The id itself is written nowhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tidegate_infra.errors import RightsError
from tidegate_infra.privacy.rights.store import Store, Together
from tidegate_stream.erasure import mark
from tidegate_stream.gate.keys import Keys

__all__ = ["FOLLOWED_USERS", "Found", "marks_of_id", "with_what_is_linked"]

FOLLOWED_USERS = 5
"""A device goes with its user, unless so many others used it: a kiosk, or a server that says one id for everybody."""
_ROUNDS = 5


@dataclass(frozen=True)
class Found:
    """Marks of all pseudonyms; devices that go though others used them, and those that stay as too many did."""

    marks: frozenset[str]
    shared: int
    left: int


def marks_of_id(keys: Keys, project: str, value: str) -> frozenset[str]:
    """Marks of what an id is called in any live epoch. Raises RightsError."""
    pseudonyms = keys.every_pseudonym(project, value)
    if not pseudonyms:
        raise RightsError(f"there is no key of project {project!r} here: run this where the gate's keys are")
    return frozenset(mark(project, pseudonym) for pseudonym in pseudonyms)


def with_what_is_linked(store: Store, project: str, marks: Iterable[str]) -> Found:
    """Add the devices that a user was seen with, and their sessions and former ids. Raises ClickHouseError."""
    known, stays, shared = set(marks), set[str](), set[str]()
    for _ in range(_ROUNDS):
        seen = list(store.seen_with(project, known))
        devices = {each for row in seen if row.by_user for each in (row.visitor, row.previous) if each}
        others = store.others(project, {mark(project, each) for each in devices}, known)
        stays |= {mark(project, each) for each, number in others.items() if number > FOLLOWED_USERS}
        shared |= {mark(project, each) for each, number in others.items() if 0 < number <= FOLLOWED_USERS}
        more = {mark(project, each) for row in seen for each in _linked(row)} - known - stays
        if not more:
            break
        known |= more
    return Found(frozenset(known), len(shared), len(stays))


def _linked(row: Together) -> list[str]:
    device = [row.visitor] if row.by_user else []
    own = [row.session, row.previous] if row.by_user or row.by_visitor else []
    return [each for each in (*device, *own) if each]
