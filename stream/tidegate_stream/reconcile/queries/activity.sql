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
WHERE has({partitions:Array(UInt16)}, source_partition)
    AND bitShiftRight(version, 48) = {generation:UInt16}
    AND occurred_at >= fromUnixTimestamp64Micro({begin:Int64}, 'UTC')
    AND toUnixTimestamp64Micro(occurred_at)
        < least({end:Int64}, transform(source_partition, {partitions:Array(UInt16)}, {closed:Array(Int64)}, toInt64(0)))
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
WHERE source_topic = {topic:String}
    AND has({partitions:Array(UInt16)}, source_partition)
    AND bitShiftRight(version, 48) = {generation:UInt16}
    AND window_start >= fromUnixTimestamp64Micro({begin:Int64}, 'UTC')
    AND toInt64(toUnixTimestamp(window_start)) * 1000000
        < least({end:Int64}, transform(source_partition, {partitions:Array(UInt16)}, {closed:Array(Int64)}, toInt64(0)))
