"""The process that does what the dashboard's operators decide; see `apart`, which starts and tells it."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from typing import Any, BinaryIO

from tidegate_infra.privacy.rights.desk import Asked
from tidegate_infra.privacy.rights.office import ReceiptsOffice
from tidegate_infra.privacy.rights.receipts import Receipt
from tidegate_infra.privacy.rights.run import carry_on, office_of
from tidegate_infra.settings import Settings, load
from tidegate_infra.telemetry import log_to_stdout
from tidegate_schemas.errors import TidegateError

__all__ = ["main"]

TAKEN = "taken\n"

log = logging.getLogger(__name__)


def main() -> int:
    """Read one request, answer it, and finish what it begins."""
    begun = list[Receipt]()
    try:
        with os.fdopen(os.dup(1), "wb") as answers:
            # What is logged goes where the dashboard's logs go, not into the answer.
            os.dup2(2, 1)
            settings = load()
            log_to_stdout("dashboard", settings.log_level)
            try:
                _answered(office_of(settings, begun.append), json.loads(sys.stdin.readline()), answers)
            except TidegateError as error:
                _say(answers, {"error": str(error)})
                return 1
    except BrokenPipeError:
        log.warning("a copy was broken off by who fetched it")
        return 1
    except Exception:
        log.exception("what an operator asked for did not work")
        return 1
    return 0 if all(_erased(settings, receipt) for receipt in begun) else 1


def _erased(settings: Settings, receipt: Receipt) -> bool:
    try:
        carry_on(settings, receipt)
    except Exception:
        again = f"tidegate privacy erase --receipt {receipt.receipt_id}"
        log.exception("the erasure %s stopped: go on with `%s`", receipt.receipt_id, again)
        return False
    return True


def _answered(office: ReceiptsOffice, request: Mapping[str, Any], answers: BinaryIO) -> None:
    match request:
        case {"act": "ask", "asked": asked}:
            _say(answers, {"answer": office.ask(Asked(**asked))})
        case {"act": "confirm", "operator": operator, "receipt_id": receipt_id}:
            _say(answers, {"answer": office.confirm(operator, receipt_id)})
        case {"act": "refuse", "operator": operator, "receipt_id": receipt_id}:
            office.refuse(operator, receipt_id)
            _say(answers, {"answer": ""})
        case {"act": "settle"}:
            _say(answers, {"answer": office.settle()})
        case {"act": "export", "operator": operator, "receipt_id": receipt_id}:
            handout = office.export(operator, receipt_id)
            _say(answers, {"answer": [handout.name, handout.said]})
            answers.writelines(handout.chunks)
            answers.close()
            if sys.stdin.readline() == TAKEN:
                handout.taken()


def _say(answers: BinaryIO, answer: Mapping[str, Any]) -> None:
    answers.write(json.dumps(answer).encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main())
