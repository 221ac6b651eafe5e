-- Exceptions, by the archive and by error_rates.
SELECT
    toDateTime(toStartOfInterval(occurred_at, INTERVAL 10 SECOND), 'UTC') AS window_start,
    project,
    source_partition AS partition,
    cityHash64(environment, release, service, route, method) AS key,
    0 AS is_row,
    [
        ('exceptions', tidegateWeight(sample_rate), 0.)
    ] AS measures
FROM tidegate.events_error FINAL
WHERE {archived}
    AND level IN ('error', 'fatal')
UNION ALL
SELECT
    window_start,
    project,
    source_partition,
    cityHash64(environment, release, service, route, method),
    1,
    [
        ('exceptions', 0., exceptions)
    ]
FROM tidegate.error_rates FINAL
WHERE {aggregated}
