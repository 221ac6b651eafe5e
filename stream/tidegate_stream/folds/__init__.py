"""The aggregates, one file each: pure functions from clean events to state rows to table rows."""

from tidegate_stream.folds.fold import Fold, advance, empty_state, evict, replace_groups
from tidegate_stream.folds.latencies import Latencies

__all__ = ["Fold", "Latencies", "advance", "empty_state", "evict", "replace_groups"]
