-- Hours in which sessions differ from what visitors did by the archive. Where the cap or a late event cuts a visit in
-- several sessions, they are added up: a visit is everything up to a pause longer than the gap. One that began before the
-- range, or isn't over where reading ends, is left out.
SELECT
    toStartOfHour(fromUnixTimestamp64Micro(began, 'UTC')) AS hour,
    max(toDateTime(intDiv(ended, 1000000) + 1, 'UTC')) AS hour_end,
    project,
    partition,
    'events' AS measure,
    sum(expected) AS expected,
    sum(found) AS found,
    countIf(differs) AS windows,
    countIf(differs AND sessions > 1 AND visit_found > visit_expected) AS overlapping
FROM
(
    SELECT
        project,
        partition,
        visitor,
        visit,
        min(at) AS began,
        max(until) AS ended,
        sum(is_row) AS sessions,
        sum(expected_events) AS visit_expected,
        sum(found_events) AS visit_found,
        visit_expected AS expected,
        visit_found AS found,
        abs(visit_expected - visit_found) > {tolerance:Float64} * greatest(1, visit_expected) AS differs
    FROM
    (
        -- RANGE: of what happened at the same time, any may come first.
        SELECT *, sum(paused) OVER (PARTITION BY partition, project, visitor ORDER BY at
            RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS visit
        FROM
        (
            SELECT *, at - lagInFrame(at, 1, at) OVER (PARTITION BY partition, project, visitor ORDER BY at
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) > {gap:Int64} AS paused
            FROM
            (
                SELECT
                    source_partition AS partition,
                    project,
                    visitor,
                    toUnixTimestamp64Micro(occurred_at) AS at,
                    at AS until,
                    0 AS is_row,
                    tidegateWeight(sample_rate) AS expected_events,
                    0 AS found_events
                FROM tidegate.events_track FINAL
                WHERE has({partitions:Array(UInt16)}, source_partition)
                    AND bitShiftRight(version, 48) = {generation:UInt16}
                    AND visitor != ''
                    AND occurred_at >= fromUnixTimestamp64Micro({begin:Int64} - {gap:Int64}, 'UTC')
                    AND occurred_at < fromUnixTimestamp64Micro({end:Int64} + {beyond:Int64}, 'UTC')
                UNION ALL
                SELECT
                    source_partition,
                    project,
                    visitor,
                    toUnixTimestamp64Micro(started_at),
                    toUnixTimestamp64Micro(ended_at),
                    1,
                    0,
                    events
                FROM tidegate.sessions FINAL
                WHERE source_topic = {topic:String}
                    AND has({partitions:Array(UInt16)}, source_partition)
                    AND bitShiftRight(version, 48) = {generation:UInt16}
                    AND started_at >= fromUnixTimestamp64Micro({begin:Int64} - {gap:Int64}, 'UTC')
                    AND started_at < fromUnixTimestamp64Micro({end:Int64} + {beyond:Int64}, 'UTC')
            )
        )
    )
    GROUP BY project, partition, visitor, visit
    HAVING began >= {begin:Int64} AND began < {end:Int64}
        AND ended + {gap:Int64}
            < least({end:Int64} + {beyond:Int64}, transform(partition, {partitions:Array(UInt16)}, {closed:Array(Int64)}, toInt64(0)))
)
GROUP BY hour, project, partition
HAVING windows > 0
ORDER BY hour, project, partition
