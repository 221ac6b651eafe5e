-- 95th percentile of the durations of requests, by endpoint.
SELECT time, endpoint, tidegateQuantile(merged, 0.95) AS p95
FROM (
    SELECT
        $__timeInterval(window_start) AS time,
        concat(method, ' ', route) AS endpoint,
        sumMap(sketch) AS merged
    FROM analytics.latencies
    WHERE project = ${project:sqlstring} AND operation = 'request' AND $__timeFilter(window_start)
    GROUP BY time, endpoint
)
WHERE notEmpty(merged.1)
ORDER BY time, endpoint
