"""The aggregates, one file each: pure functions from clean events to state rows to table rows."""

from tidegate_stream.folds.activity import Activity
from tidegate_stream.folds.error_rates import ExceptionRates, RequestRates
from tidegate_stream.folds.fold import Fold, advance, empty_state, evict, replace_groups
from tidegate_stream.folds.identities import Identities
from tidegate_stream.folds.latencies import Latencies
from tidegate_stream.folds.ledger import ErrorLedger, Ledger, MetricLedger, SpanLedger
from tidegate_stream.folds.metrics import Metrics
from tidegate_stream.folds.sessions import GAP_SECONDS, Sessions
from tidegate_stream.folds.tumbling import DEFAULT_LATENESS_SECONDS
from tidegate_stream.folds.usage import Usage

__all__ = [
    "Activity",
    "ErrorLedger",
    "ExceptionRates",
    "Fold",
    "Identities",
    "Latencies",
    "Ledger",
    "MetricLedger",
    "Metrics",
    "RequestRates",
    "Sessions",
    "SpanLedger",
    "Usage",
    "advance",
    "all_folds",
    "empty_state",
    "evict",
    "ledger_folds",
    "replace_groups",
]


def all_folds(
    lateness_seconds: float = DEFAULT_LATENESS_SECONDS, session_gap_seconds: float = GAP_SECONDS
) -> tuple[Fold, ...]:
    """Every fold that a worker runs."""
    return (
        Sessions(lateness_seconds, session_gap_seconds),
        Activity(lateness_seconds),
        Usage(lateness_seconds),
        Identities(lateness_seconds),
        RequestRates(lateness_seconds),
        ExceptionRates(lateness_seconds),
        Latencies(lateness_seconds),
        Metrics(lateness_seconds),
        *ledger_folds(lateness_seconds),
    )


def ledger_folds(lateness_seconds: float = DEFAULT_LATENESS_SECONDS) -> tuple[Fold, ...]:
    """What counts the events themselves, whatever they tell: a fold for each kind."""
    return (
        Ledger(lateness_seconds),
        ErrorLedger(lateness_seconds),
        SpanLedger(lateness_seconds),
        MetricLedger(lateness_seconds),
    )
