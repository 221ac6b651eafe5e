-- Endpoints over the whole range: requests, failures, latency percentiles in seconds (within 1 %), and the
-- trace of the slowest; the busiest first.
SELECT
    service, method, route, requests, client_errors, server_errors, exceptions,
    if(requests > 0, server_errors / requests, 0) AS error_rate,
    if(measured, tidegateQuantile(merged, 0.5), NULL) AS p50,
    if(measured, tidegateQuantile(merged, 0.95), NULL) AS p95,
    if(measured, tidegateQuantile(merged, 0.99), NULL) AS p99,
    slowest, trace
FROM (
    SELECT
        service, method, route,
        sum(requests) AS requests, sum(client_errors) AS client_errors,
        sum(server_errors) AS server_errors, sum(exceptions) AS exceptions
    FROM analytics.error_rates
    WHERE project = {project:String}
      AND window_start >= {start:DateTime('UTC')} AND window_start < {end:DateTime('UTC')}
    GROUP BY service, method, route
) AS outcomes
LEFT JOIN (
    SELECT
        service, method, route, sumMap(sketch) AS merged, notEmpty(merged.1) AS measured,
        max(exemplar_seconds) AS slowest,
        argMax(exemplar_trace_id, (exemplar_seconds, exemplar_trace_id)) AS trace
    FROM analytics.latencies
    WHERE project = {project:String} AND operation = 'request'
      AND window_start >= {start:DateTime('UTC')} AND window_start < {end:DateTime('UTC')}
    GROUP BY service, method, route
) AS times USING (service, method, route)
ORDER BY requests DESC, service, method, route
LIMIT 200
