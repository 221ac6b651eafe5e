-- What visitors did, by the archive and by activity.
SELECT
    toDateTime(toStartOfInterval(occurred_at, INTERVAL 15 MINUTE), 'UTC') AS window_start,
    project,
    source_partition AS partition,
    cityHash64(visitor, user) AS key,
    0 AS is_row,
    [
        ('events', tidegateWeight(sample_rate), 0.)
    ] AS measures
FROM tidegate.events_track FINAL
WHERE {archived}
    AND visitor != '' AND type != 'alias'
UNION ALL
SELECT
    window_start,
    project,
    source_partition,
    cityHash64(visitor, user),
    1,
    [
        ('events', 0., events)
    ]
FROM tidegate.activity FINAL
WHERE {aggregated}
