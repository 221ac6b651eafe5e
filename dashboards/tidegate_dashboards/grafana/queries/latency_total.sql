-- 95th percentile of the durations of all requests in the range.
SELECT tidegateQuantile(merged, 0.95) AS p95
FROM (
    SELECT sumMap(sketch) AS merged FROM analytics.latencies
    WHERE project = ${project:sqlstring} AND operation = 'request' AND $__timeFilter(window_start)
)
WHERE notEmpty(merged.1)
