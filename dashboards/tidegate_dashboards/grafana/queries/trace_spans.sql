-- What one trace is made of, in order: enter its id above, or click one under "Slowest traces".
SELECT occurred_at, service, operation, name, duration_seconds, status, span_id, parent_span_id
FROM analytics.spans
WHERE project = ${project:sqlstring} AND trace_id = ${trace:sqlstring} AND $__timeFilter(occurred_at)
ORDER BY occurred_at, span_id
LIMIT 200
