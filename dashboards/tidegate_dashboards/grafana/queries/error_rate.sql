-- Share of requests that failed on the server, by endpoint.
SELECT
    $__timeInterval(window_start) AS time,
    concat(method, ' ', route) AS endpoint,
    sum(server_errors) / sum(requests) AS error_rate
FROM analytics.error_rates
WHERE project = ${project:sqlstring} AND $__timeFilter(window_start)
GROUP BY time, endpoint
HAVING sum(requests) > 0
ORDER BY time, endpoint
