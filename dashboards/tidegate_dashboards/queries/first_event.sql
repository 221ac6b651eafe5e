-- Events of the project since the start of the range, by kind: how many, and the latest one's name and time.
SELECT kind, count() AS events, argMax(name, occurred_at) AS latest, max(occurred_at) AS latest_at
FROM (
    SELECT 'track' AS kind, name, occurred_at FROM analytics.events WHERE project = {project:String} AND occurred_at >= {start:DateTime('UTC')}
    UNION ALL
    SELECT 'error' AS kind, name, occurred_at FROM analytics.errors WHERE project = {project:String} AND occurred_at >= {start:DateTime('UTC')}
    UNION ALL
    SELECT 'span' AS kind, name, occurred_at FROM analytics.spans WHERE project = {project:String} AND occurred_at >= {start:DateTime('UTC')}
    UNION ALL
    SELECT 'metric' AS kind, name, occurred_at FROM analytics.metrics WHERE project = {project:String} AND occurred_at >= {start:DateTime('UTC')}
    UNION ALL
    SELECT 'log' AS kind, name, occurred_at FROM analytics.logs WHERE project = {project:String} AND occurred_at >= {start:DateTime('UTC')}
)
GROUP BY kind
ORDER BY latest_at DESC
