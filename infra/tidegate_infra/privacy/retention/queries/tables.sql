-- Tables that keep rows, and how they are made.
SELECT database, name, engine_full, ifNull(total_rows, 0) AS rows
FROM system.tables
WHERE database IN ('tidegate', 'analytics') AND engine LIKE '%MergeTree'
ORDER BY database, name
