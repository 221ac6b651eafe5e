"""What can go wrong on a producer's side."""

from __future__ import annotations

from tidegate_schemas.errors import TidegateError


class PublishError(TidegateError):
    """An event was not handed to Kafka."""


class QueueFullError(PublishError):
    """The producer's queue holds as much as it may; nothing was queued."""


class SpoolFullError(QueueFullError):
    """The spool holds as much as it may, or its disk is full; nothing was kept."""


class SpoolBusyError(TidegateError):
    """Another process that runs has this spool."""


class InvalidSettingError(TidegateError):
    """What the SDK was started with doesn't fit together."""


class NotStartedError(TidegateError):
    """A module-level function was called before `tidegate.init`."""


class PlanViolationError(TidegateError):
    """An event breaks the plan, and is to be dropped for it."""
