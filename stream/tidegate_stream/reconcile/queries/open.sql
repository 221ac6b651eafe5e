-- Differences that were reported and are not known to be gone.
SELECT aggregate, measure, window_start, window_end, project, source_topic, source_partition, expected, found, windows, overlapping
FROM tidegate.reconciliation FINAL
WHERE resolved = 0
