-- Connections of each pool over time: in use, idle, and the most that it may open.
SELECT
    toStartOfInterval(minute, toIntervalSecond(greatest({step:UInt32}, 60)), 'UTC') AS time,
    service, pool,
    max(pool_use.used) AS in_use, max(pool_use.idle) AS unused, max(pool_use.max) AS limit
FROM analytics.pool_use AS pool_use
WHERE project = {project:String}
  AND minute >= {start:DateTime('UTC')} AND minute < {end:DateTime('UTC')}
GROUP BY time, service, pool
ORDER BY time, service, pool
