-- Latency by endpoint over time, in seconds, for the eight busiest endpoints. Percentiles are within 1 %.
WITH busiest AS (
    SELECT service, method, route
    FROM analytics.latencies
    WHERE project = {project:String} AND operation = 'request'
      AND window_start >= {start:DateTime('UTC')} AND window_start < {end:DateTime('UTC')}
    GROUP BY service, method, route
    ORDER BY sum(count) DESC, service, method, route
    LIMIT 8
)
SELECT
    time, service, method, route, requests,
    tidegateQuantile(merged, 0.5) AS p50, tidegateQuantile(merged, 0.95) AS p95, tidegateQuantile(merged, 0.99) AS p99
FROM (
    SELECT
        toStartOfInterval(window_start, toIntervalSecond({step:UInt32}), 'UTC') AS time,
        service, method, route,
        sum(count) AS requests,
        sumMap(sketch) AS merged
    FROM analytics.latencies
    WHERE project = {project:String} AND operation = 'request'
      AND window_start >= {start:DateTime('UTC')} AND window_start < {end:DateTime('UTC')}
      AND (service, method, route) IN busiest
    GROUP BY time, service, method, route
)
WHERE notEmpty(merged.1)
ORDER BY time, service, method, route
