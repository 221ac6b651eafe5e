-- Requests and how they failed, by the archive and by error_rates.
SELECT
    toDateTime(toStartOfInterval(occurred_at, INTERVAL 10 SECOND), 'UTC') AS window_start,
    project,
    source_partition AS partition,
    cityHash64(environment, release, service, route, method) AS key,
    0 AS is_row,
    [
        ('requests', tidegateWeight(sample_rate), 0.),
        ('client_errors', if(status_code BETWEEN 400 AND 499, tidegateWeight(sample_rate), 0), 0.),
        ('server_errors', if(status_code >= 500 OR (status_code = 0 AND status = 'error'), tidegateWeight(sample_rate), 0), 0.)
    ] AS measures
FROM tidegate.events_span FINAL
WHERE {archived}
    AND operation = 'request'
UNION ALL
SELECT
    window_start,
    project,
    source_partition,
    cityHash64(environment, release, service, route, method),
    1,
    [
        ('requests', 0., requests),
        ('client_errors', 0., client_errors),
        ('server_errors', 0., server_errors)
    ]
FROM tidegate.error_rates FINAL
WHERE {aggregated}
