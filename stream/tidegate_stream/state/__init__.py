"""State that survives: columnar deltas in a Faust table's changelog, a fence a partition, and recovery."""
