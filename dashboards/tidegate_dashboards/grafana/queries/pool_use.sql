-- Connections of each pool: in use, idle, and the most that it may open.
SELECT
    minute AS time, concat(service, ' ', pool) AS name,
    used AS in_use, idle AS unused, pool_use.max AS limit
FROM analytics.pool_use AS pool_use
WHERE project = ${project:sqlstring} AND $__timeFilter(minute)
ORDER BY time, name
