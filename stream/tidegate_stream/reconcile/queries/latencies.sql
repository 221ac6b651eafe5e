-- How many spans there were and their weighted durations, by the archive and by latencies.
SELECT
    toDateTime(toStartOfInterval(occurred_at, INTERVAL 10 SECOND), 'UTC') AS window_start,
    project,
    source_partition AS partition,
    cityHash64(environment, release, service, route, method, operation, statement, db_system) AS key,
    0 AS is_row,
    [
        ('count', tidegateWeight(sample_rate), 0.),
        ('sum_seconds', round(least(if(isNaN(duration_seconds), 0, least(greatest(duration_seconds, 0), 1000000)) / least(greatest(if(sample_rate > 0, sample_rate, 1), 0.000001), 1) * 1073741824, 9e15)) / 1073741824, 0.)
    ] AS measures
FROM tidegate.events_span FINAL
WHERE {archived}
UNION ALL
SELECT
    window_start,
    project,
    source_partition,
    cityHash64(environment, release, service, route, method, operation, statement, db_system),
    1,
    [
        ('count', 0., count),
        ('sum_seconds', 0., sum_seconds)
    ]
FROM tidegate.latencies FINAL
WHERE {aggregated}
