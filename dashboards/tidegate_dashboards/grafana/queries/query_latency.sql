-- 95th percentile of the durations of database queries, by statement.
SELECT time, statement, tidegateQuantile(merged, 0.95) AS p95
FROM (
    SELECT $__timeInterval(window_start) AS time, statement, sumMap(sketch) AS merged
    FROM analytics.latencies
    WHERE project = ${project:sqlstring} AND operation = 'query' AND $__timeFilter(window_start)
    GROUP BY time, statement
)
WHERE notEmpty(merged.1)
ORDER BY time, statement
