"""Checks of the file of privacy rules, and whether the worker that runs follows it as it is now."""

import re
from collections.abc import Iterator
from http.client import HTTPException
from urllib.error import URLError
from urllib.request import urlopen

from tidegate_infra.doctor.finding import Finding, good, note, wrong
from tidegate_infra.settings import PRIVACY_FILE_NAME, Settings

__all__ = ["examine_followed", "examine_rules"]

_ANSWER_SECONDS = 5
_FINGERPRINT = re.compile(rb"^tidegate_gate_rules_fingerprint (\S+)$", re.MULTILINE)


def examine_rules(settings: Settings) -> Finding:
    """Look at the file alone."""
    from tidegate_stream.gate.errors import RulesError  # noqa: PLC0415 - loads polars
    from tidegate_stream.gate.rules import load_rules  # noqa: PLC0415 - same

    path = settings.privacy_rules_file
    if path is None:
        return good("privacy rules", "the gate's own only")
    try:
        rules = load_rules(path, required=True)
    except RulesError as error:
        return wrong("privacy rules", str(error), f"mend {path}; no worker starts with it as it is")
    return good("privacy rules", f"of {', '.join(sorted(rules.projects)) or 'no project'}, in {path}")


def examine_followed(settings: Settings, worker_url: str) -> Iterator[Finding]:
    """Compare the file with what the worker read at its start; nothing where either can't be told."""
    from tidegate_stream.gate.errors import RulesError  # noqa: PLC0415 - loads polars
    from tidegate_stream.gate.rules import load_rules  # noqa: PLC0415 - same

    try:
        with urlopen(f"{worker_url}/metrics", timeout=_ANSWER_SECONDS) as answer:  # noqa: S310 - our own http address
            told = _FINGERPRINT.search(answer.read())
        now = load_rules(settings.privacy_rules_file, required=True).fingerprint
    except (URLError, HTTPException, OSError, RulesError):
        return
    if told is not None and int(float(told[1])) != now:
        where = settings.privacy_rules_file or settings.home / PRIVACY_FILE_NAME
        fix = "restart the worker: it reads its rules when it starts"
        yield note("privacy rules of the worker", f"not those of {where} as it is now", fix)
