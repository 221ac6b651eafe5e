-- Sessions by the time they started in, with their median length in seconds.
-- Subjects: visitors
SELECT
    toStartOfInterval(started_at, toIntervalSecond(greatest({step:UInt32}, 60)), 'UTC') AS time,
    count() AS sessions,
    round(median(duration_seconds), 3) AS median_seconds,
    sum(pageviews) AS pageviews,
    uniqExact(visitor) AS visitors
FROM analytics.sessions
WHERE project = {project:String}
  AND started_at >= {start:DateTime('UTC')} AND started_at < {end:DateTime('UTC')}
GROUP BY time
ORDER BY time
