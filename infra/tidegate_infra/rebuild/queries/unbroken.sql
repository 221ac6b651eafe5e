-- Visitors who never paused between a time and the range, so that their session may have begun before that time.
SELECT count() AS visitors
FROM
(
    SELECT project, visitor, arraySort(groupArray(toUnixTimestamp64Micro(occurred_at))) AS at
    FROM tidegate.events_track
    WHERE source_partition = {partition:UInt16}
        AND bitShiftRight(version, 48) = {generation:UInt16}
        AND clean_offset <= {head:Int64}
        AND visitor != ''
        AND occurred_at >= fromUnixTimestamp64Micro({begin:Int64}, 'UTC')
        AND occurred_at <= fromUnixTimestamp64Micro({range_begin:Int64} + {gap:Int64}, 'UTC')
    GROUP BY project, visitor
    HAVING at[1] <= {begin:Int64} + {gap:Int64}
        AND at[-1] >= {range_begin:Int64}
        AND arrayMax(arrayDifference(at)) <= {gap:Int64}
)
