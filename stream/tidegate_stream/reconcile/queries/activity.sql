-- Hours in which activity differs from what visitors did by the archive.
SELECT
    toStartOfHour(window_start) AS hour,
    hour + INTERVAL 1 HOUR AS hour_end,
    project,
    partition,
    measure,
    sum(expected) AS expected,
    sum(found) AS found,
    countIf(differs) AS windows,
    sumIf(overlaps, differs) AS overlapping
FROM
(
    SELECT
        window_start,
        project,
        partition,
        measured.1 AS measure,
        sum(measured.2) AS expected,
        sum(measured.3) AS found,
        abs(expected - found) > {tolerance:Float64} * greatest(1, expected) AS differs,
        countIf(row_count > 1 AND measured.3 > measured.2 + {tolerance:Float64} * greatest(1, measured.2)) AS overlaps
    FROM
    (
        SELECT
            window_start,
            project,
            partition,
            key,
            sum(is_row) AS row_count,
            [
                ('events', sum(expected_events), sum(found_events))
            ] AS measures
        FROM
        (
            SELECT
                toDateTime(toStartOfInterval(occurred_at, INTERVAL 15 MINUTE), 'UTC') AS window_start,
                project,
                source_partition AS partition,
                cityHash64(visitor, user) AS key,
                0 AS is_row,
                tidegateWeight(sample_rate) AS expected_events,
                0 AS found_events
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
                0,
                events
            FROM tidegate.activity FINAL
            WHERE source_topic = 'clean.track'
                AND has({partitions:Array(UInt16)}, source_partition)
                AND bitShiftRight(version, 48) = {generation:UInt16}
                AND window_start >= fromUnixTimestamp64Micro({begin:Int64}, 'UTC')
                AND toInt64(toUnixTimestamp(window_start)) * 1000000
                    < least({end:Int64}, transform(source_partition, {partitions:Array(UInt16)}, {closed:Array(Int64)}, toInt64(0)))
        )
        GROUP BY window_start, project, partition, key
    )
    ARRAY JOIN measures AS measured
    GROUP BY window_start, project, partition, measure
)
GROUP BY hour, project, partition, measure
HAVING windows > 0
ORDER BY hour, project, partition, measure
