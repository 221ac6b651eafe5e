"""Who is told what of a record that was delivered, or was not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tidegate.publish.interfaces import GiveBack, KeyAndValue, OnDelivery


def report_of(on_delivery: OnDelivery | None, give_back: GiveBack | None = None) -> Callable[[Any, Any], None] | None:
    """What Kafka's client calls once for each record."""
    if give_back is not None:

        def report_or_give_back(error: Any, message: Any) -> None:
            if error is not None:
                give_back((message.key(), message.value()), str(error), on_delivery)
            elif on_delivery is not None:
                on_delivery(None)

        return report_or_give_back
    if on_delivery is None:
        return None

    def report(error: Any, _: Any) -> None:
        on_delivery(None if error is None else str(error))

    return report


def or_given_back(record: KeyAndValue, on_delivery: OnDelivery | None, give_back: GiveBack | None) -> OnDelivery | None:
    """What is to be told of one record, where a failed one is given back."""
    if give_back is None:
        return on_delivery

    def answered(error: str | None) -> None:
        if error is not None:
            give_back(record, error, on_delivery)
        elif on_delivery is not None:
            on_delivery(None)

    return answered
