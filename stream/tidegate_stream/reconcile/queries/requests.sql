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
WHERE has({partitions:Array(UInt16)}, source_partition)
    AND bitShiftRight(version, 48) = {generation:UInt16}
    AND occurred_at >= fromUnixTimestamp64Micro({begin:Int64}, 'UTC')
    AND toUnixTimestamp64Micro(occurred_at)
        < least({end:Int64}, transform(source_partition, {partitions:Array(UInt16)}, {closed:Array(Int64)}, toInt64(0)))
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
WHERE source_topic = {topic:String}
    AND has({partitions:Array(UInt16)}, source_partition)
    AND bitShiftRight(version, 48) = {generation:UInt16}
    AND window_start >= fromUnixTimestamp64Micro({begin:Int64}, 'UTC')
    AND toInt64(toUnixTimestamp(window_start)) * 1000000
        < least({end:Int64}, transform(source_partition, {partitions:Array(UInt16)}, {closed:Array(Int64)}, toInt64(0)))
