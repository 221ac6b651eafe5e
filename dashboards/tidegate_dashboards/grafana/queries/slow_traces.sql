-- The slowest operation of each endpoint and statement that has a trace. A click on the trace shows its spans.
SELECT
    operation,
    multiIf(statement != '', statement, route != '', trimLeft(concat(method, ' ', route)), '(no route)') AS name,
    service,
    max(exemplar_seconds) AS slowest,
    argMax(exemplar_trace_id, (exemplar_seconds, exemplar_trace_id)) AS trace
FROM analytics.latencies
WHERE project = ${project:sqlstring} AND exemplar_trace_id != '' AND $__timeFilter(window_start)
GROUP BY operation, name, service
ORDER BY slowest DESC, operation, name
LIMIT 20
