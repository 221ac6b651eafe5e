"""`tidegate trace EVENT_ID`: every hop of one event, without a word of personal data."""

from tidegate_infra.trace.changes import Change, changes
from tidegate_infra.trace.report import trace

__all__ = ["Change", "changes", "trace"]
