"""Settling: of browser pages that are complete the ledger keeps sums only."""

from tidegate_sinks.settling.settler import REST, Settler

__all__ = ["REST", "Settler"]
