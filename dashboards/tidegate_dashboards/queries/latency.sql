-- Latency of all requests over time, in seconds, with how many there were. Percentiles are within 1 %.
SELECT time, requests, tidegateQuantile(merged, 0.5) AS p50, tidegateQuantile(merged, 0.95) AS p95, tidegateQuantile(merged, 0.99) AS p99
FROM (
    SELECT
        toStartOfInterval(window_start, toIntervalSecond({step:UInt32}), 'UTC') AS time,
        sum(count) AS requests,
        sumMap(sketch) AS merged
    FROM analytics.latencies
    WHERE project = {project:String} AND operation = 'request'
      AND window_start >= {start:DateTime('UTC')} AND window_start < {end:DateTime('UTC')}
    GROUP BY time
)
WHERE notEmpty(merged.1)
ORDER BY time
