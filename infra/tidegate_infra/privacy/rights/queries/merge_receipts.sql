-- Merge the receipts, of which there are few, so that no row is left that a later one has replaced.
OPTIMIZE TABLE tidegate.erasures FINAL
