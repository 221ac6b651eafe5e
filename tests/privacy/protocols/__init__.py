"""Events of every protocol with a canary in every field that takes a text."""

from __future__ import annotations

from collections.abc import Iterator

from tests.privacy.planting import Planter
from tests.privacy.protocols import browser, kafka, otlp, sdk, segment, sentry
from tests.privacy.protocols.message import Message

ALL = (segment, sentry, otlp, browser, kafka, sdk)


def planted(planter: Planter) -> Iterator[Message]:
    """Messages of every protocol in turn, until the planter has planted enough."""
    while not planter.full:
        for protocol in ALL:
            yield from protocol.messages(planter)
