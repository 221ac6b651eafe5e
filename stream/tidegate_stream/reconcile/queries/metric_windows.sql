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
WHERE has({partitions:Array(UInt16)}, source_partition)
    AND bitShiftRight(version, 48) = {generation:UInt16}
    AND occurred_at >= fromUnixTimestamp64Micro({begin:Int64}, 'UTC')
    AND toUnixTimestamp64Micro(occurred_at)
        < least({end:Int64}, transform(source_partition, {partitions:Array(UInt16)}, {closed:Array(Int64)}, toInt64(0)))
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
WHERE source_topic = {topic:String}
    AND has({partitions:Array(UInt16)}, source_partition)
    AND bitShiftRight(version, 48) = {generation:UInt16}
    AND window_start >= fromUnixTimestamp64Micro({begin:Int64}, 'UTC')
    AND toInt64(toUnixTimestamp(window_start)) * 1000000
        < least({end:Int64}, transform(source_partition, {partitions:Array(UInt16)}, {closed:Array(Int64)}, toInt64(0)))
    AND instrument != 'histogram'
