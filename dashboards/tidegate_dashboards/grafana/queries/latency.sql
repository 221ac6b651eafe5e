-- Percentiles of the durations of all requests.
SELECT
    time,
    tidegateQuantile(merged, 0.5) AS p50, tidegateQuantile(merged, 0.95) AS p95, tidegateQuantile(merged, 0.99) AS p99
FROM (
    SELECT $__timeInterval(window_start) AS time, sumMap(sketch) AS merged
    FROM analytics.latencies
    WHERE project = ${project:sqlstring} AND operation = 'request' AND $__timeFilter(window_start)
    GROUP BY time
)
WHERE notEmpty(merged.1)
ORDER BY time
