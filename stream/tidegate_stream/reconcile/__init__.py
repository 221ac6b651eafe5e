"""Aggregates held against the archive, in SQL that shares nothing with the folds."""

from tidegate_stream.reconcile.compare import differences, judge
from tidegate_stream.reconcile.findings import Difference, Judged, Scope, confirmed
from tidegate_stream.reconcile.service import Reconciler

__all__ = [
    "Difference",
    "Judged",
    "Reconciler",
    "Scope",
    "confirmed",
    "differences",
    "judge",
]
