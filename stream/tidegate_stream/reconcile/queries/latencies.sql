-- Hours in which latencies differ from the archived spans: how many, and their weighted durations.
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
                ('count', sum(expected_count), sum(found_count)),
                ('sum_seconds', sum(expected_sum_seconds), sum(found_sum_seconds))
            ] AS measures
        FROM
        (
            SELECT
                toDateTime(toStartOfInterval(occurred_at, INTERVAL 10 SECOND), 'UTC') AS window_start,
                project,
                source_partition AS partition,
                cityHash64(environment, release, service, route, method, operation, statement, db_system) AS key,
                0 AS is_row,
                tidegateWeight(sample_rate) AS expected_count,
                round(least(if(isNaN(duration_seconds), 0, least(greatest(duration_seconds, 0), 1000000))
                / least(greatest(if(sample_rate > 0, sample_rate, 1), 0.000001), 1) * 1073741824, 9e15)) / 1073741824 AS expected_sum_seconds,
                0 AS found_count,
                0 AS found_sum_seconds
            FROM tidegate.events_span FINAL
            WHERE has({partitions:Array(UInt16)}, source_partition)
                AND bitShiftRight(version, 48) = {generation:UInt16}
                AND occurred_at >= fromUnixTimestamp64Micro({begin:Int64}, 'UTC')
                AND toUnixTimestamp64Micro(occurred_at)
                    < least({end:Int64}, transform(source_partition, {partitions:Array(UInt16)}, {closed:Array(Int64)}, toInt64(0)))
            UNION ALL
            SELECT
                window_start,
                project,
                source_partition,
                cityHash64(environment, release, service, route, method, operation, statement, db_system),
                1,
                0,
                0,
                count,
                sum_seconds
            FROM tidegate.latencies FINAL
            WHERE source_topic = 'clean.span'
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
