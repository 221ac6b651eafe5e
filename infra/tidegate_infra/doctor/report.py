"""All checks in order, and how they are shown."""

from collections.abc import Iterable, Iterator

from tidegate_infra.doctor.finding import Finding, Verdict, note
from tidegate_infra.doctor.machine import examine_machine
from tidegate_infra.home import holder
from tidegate_infra.keys import ensure_keys
from tidegate_infra.runtime import addresses
from tidegate_infra.settings import Settings

__all__ = ["examine", "render"]

_MARKS = {Verdict.OK: "ok   ", Verdict.NOTE: "note ", Verdict.WRONG: "WRONG"}


def examine(settings: Settings) -> Iterator[Finding]:
    """Check the machine and the home, and the services if a stack runs there."""
    yield from examine_machine(settings)
    if holder(settings) is None:
        yield note("stack", f"none runs in {settings.home}", "start one with `tidegate up`")
        return
    from tidegate_infra.doctor.services import examine_services  # noqa: PLC0415 - loads the clients

    yield from examine_services(settings, addresses(settings), ensure_keys(settings))


def render(findings: Iterable[Finding]) -> Iterator[str]:
    """One line a finding, and one below it that says how to fix it."""
    for finding in findings:
        yield f"{_MARKS[finding.verdict]}  {finding.subject}: {finding.found}"
        if finding.fix:
            yield f"       Fix: {finding.fix}"
