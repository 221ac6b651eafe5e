-- Points, by the archive and by metric_windows. Histograms count values, cumulative ones by their growth, which only the
-- fold knows; so they stay out.
SELECT
    toDateTime(toStartOfInterval(occurred_at, INTERVAL 10 SECOND), 'UTC') AS window_start,
    project,
    source_partition AS partition,
    cityHash64(environment, service, name, instrument, unit) AS key,
    0 AS is_row,
    [
        ('count', tidegateWeight(sample_rate), 0.)
    ] AS measures
FROM tidegate.events_metric FINAL
WHERE {archived}
    AND instrument != 'histogram'
UNION ALL
SELECT
    window_start,
    project,
    source_partition,
    cityHash64(environment, service, name, instrument, unit),
    1,
    [
        ('count', 0., count)
    ]
FROM tidegate.metric_windows FINAL
WHERE {aggregated}
    AND instrument != 'histogram'
