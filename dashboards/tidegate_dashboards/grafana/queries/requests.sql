-- Requests a second by outcome.
SELECT
    $__timeInterval(window_start) AS time,
    (sum(requests) - sum(client_errors) - sum(server_errors)) / $__interval_s AS answered,
    sum(client_errors) / $__interval_s AS refused,
    sum(server_errors) / $__interval_s AS failed
FROM analytics.error_rates
WHERE project = ${project:sqlstring} AND $__timeFilter(window_start)
GROUP BY time
ORDER BY time
