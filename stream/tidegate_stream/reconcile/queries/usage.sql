-- Actions and views, by the archive and by usage.
SELECT
    toDateTime(toStartOfInterval(occurred_at, INTERVAL 15 MINUTE), 'UTC') AS window_start,
    project,
    source_partition AS partition,
    cityHash64(name, feature, agent) AS key,
    0 AS is_row,
    [
        ('count', tidegateWeight(sample_rate), 0.),
        ('failures', if(failed, tidegateWeight(sample_rate), 0), 0.)
    ] AS measures
FROM tidegate.events_track FINAL
WHERE {archived}
    AND type IN ('track', 'page', 'screen')
UNION ALL
SELECT
    window_start,
    project,
    source_partition,
    cityHash64(event, feature, agent),
    1,
    [
        ('count', 0., count),
        ('failures', 0., failures)
    ]
FROM tidegate.usage FINAL
WHERE {aggregated}
