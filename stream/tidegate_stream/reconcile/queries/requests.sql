-- Hours in which the requests of error_rates differ from the archived ones.
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
                ('requests', sum(expected_requests), sum(found_requests)),
                ('client_errors', sum(expected_client_errors), sum(found_client_errors)),
                ('server_errors', sum(expected_server_errors), sum(found_server_errors))
            ] AS measures
        FROM
        (
            SELECT
                toDateTime(toStartOfInterval(occurred_at, INTERVAL 10 SECOND), 'UTC') AS window_start,
                project,
                source_partition AS partition,
                cityHash64(environment, release, service, route, method) AS key,
                0 AS is_row,
                tidegateWeight(sample_rate) AS expected_requests,
                if(status_code BETWEEN 400 AND 499, tidegateWeight(sample_rate), 0) AS expected_client_errors,
                if(status_code >= 500 OR (status_code = 0 AND status = 'error'), tidegateWeight(sample_rate), 0) AS expected_server_errors,
                0 AS found_requests,
                0 AS found_client_errors,
                0 AS found_server_errors
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
                0,
                0,
                0,
                requests,
                client_errors,
                server_errors
            FROM tidegate.error_rates FINAL
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
