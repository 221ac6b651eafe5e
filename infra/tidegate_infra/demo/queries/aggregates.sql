-- What each aggregate counts, and how many archived events it was folded from, since a time.
WITH
    toStartOfInterval(fromUnixTimestamp64Micro({since:Int64}, 'UTC'), INTERVAL 15 MINUTE) AS begin,
    track AS (SELECT * FROM tidegate.events_track FINAL WHERE project = {project:String}),
    error AS (SELECT * FROM tidegate.events_error FINAL WHERE project = {project:String} AND occurred_at >= begin),
    span AS (SELECT * FROM tidegate.events_span FINAL WHERE project = {project:String} AND occurred_at >= begin),
    metric AS (SELECT * FROM tidegate.events_metric FINAL WHERE project = {project:String} AND occurred_at >= begin)
SELECT 'usage' AS aggregate,
    (SELECT sum(count) FROM analytics.usage WHERE project = {project:String} AND window_start >= begin) AS counted,
    (SELECT sum(1 / sample_rate) FROM track WHERE type IN ('track', 'page', 'screen') AND occurred_at >= begin) AS archived
UNION ALL SELECT 'activity',
    (SELECT sum(events) FROM analytics.activity WHERE project = {project:String} AND window_start >= begin),
    (SELECT sum(1 / sample_rate) FROM track WHERE visitor != '' AND type != 'alias' AND occurred_at >= begin)
UNION ALL SELECT 'sessions',
    (SELECT sum(events) FROM analytics.sessions WHERE project = {project:String}),
    (SELECT sum(1 / sample_rate) FROM track WHERE visitor != '')
UNION ALL SELECT 'requests',
    (SELECT sum(requests) FROM analytics.error_rates WHERE project = {project:String} AND window_start >= begin),
    (SELECT sum(1 / sample_rate) FROM span WHERE operation = 'request')
UNION ALL SELECT 'server errors',
    (SELECT sum(server_errors) FROM analytics.error_rates WHERE project = {project:String} AND window_start >= begin),
    (SELECT sum(1 / sample_rate) FROM span
     WHERE operation = 'request' AND (status_code >= 500 OR (status_code = 0 AND status = 'error')))
UNION ALL SELECT 'exceptions',
    (SELECT sum(exceptions) FROM analytics.error_rates WHERE project = {project:String} AND window_start >= begin),
    (SELECT sum(1 / sample_rate) FROM error WHERE level IN ('error', 'fatal'))
UNION ALL SELECT 'latencies',
    (SELECT sum(count) FROM analytics.latencies WHERE project = {project:String} AND window_start >= begin),
    (SELECT sum(1 / sample_rate) FROM span)
UNION ALL SELECT 'gauges',
    (SELECT sum(count) FROM analytics.metric_windows
     WHERE project = {project:String} AND window_start >= begin AND instrument = 'gauge'),
    (SELECT sum(1 / sample_rate) FROM metric WHERE instrument = 'gauge')
