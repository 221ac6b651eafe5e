-- Latency of all requests of the whole range, in seconds, with how many there were. Percentiles are within 1 %.
SELECT requests, tidegateQuantile(merged, 0.5) AS p50, tidegateQuantile(merged, 0.95) AS p95, tidegateQuantile(merged, 0.99) AS p99
FROM (
    SELECT sum(count) AS requests, sumMap(sketch) AS merged
    FROM analytics.latencies
    WHERE project = {project:String} AND operation = 'request'
      AND window_start >= {start:DateTime('UTC')} AND window_start < {end:DateTime('UTC')}
)
WHERE notEmpty(merged.1)
