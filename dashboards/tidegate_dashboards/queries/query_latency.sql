-- Latency of database queries by statement over time, in seconds, for the six that take most time in all.
WITH heaviest AS (
    SELECT service, db_system, statement
    FROM analytics.latencies
    WHERE project = {project:String} AND operation = 'query'
      AND window_start >= {start:DateTime('UTC')} AND window_start < {end:DateTime('UTC')}
    GROUP BY service, db_system, statement
    ORDER BY sum(sum_seconds) DESC, service, db_system, statement
    LIMIT 6
)
SELECT
    time, service, db_system, statement, calls, total_seconds,
    tidegateQuantile(merged, 0.5) AS p50, tidegateQuantile(merged, 0.95) AS p95, tidegateQuantile(merged, 0.99) AS p99
FROM (
    SELECT
        toStartOfInterval(window_start, toIntervalSecond({step:UInt32}), 'UTC') AS time,
        service, db_system, statement,
        sum(count) AS calls,
        sum(sum_seconds) AS total_seconds,
        sumMap(sketch) AS merged
    FROM analytics.latencies
    WHERE project = {project:String} AND operation = 'query'
      AND window_start >= {start:DateTime('UTC')} AND window_start < {end:DateTime('UTC')}
      AND (service, db_system, statement) IN heaviest
    GROUP BY time, service, db_system, statement
)
WHERE notEmpty(merged.1)
ORDER BY time, service, db_system, statement
