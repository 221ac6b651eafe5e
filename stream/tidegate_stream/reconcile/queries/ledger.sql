-- Events by minute of receipt and producer, by the archive and by the ledger, which counted them as they were inserted. Those of
-- settled pages have no rows any more, nor have copies of them that came later; the pages were compared before.
SELECT
    toStartOfMinute(toDateTime(received_at, 'UTC')) AS window_start,
    project,
    source_partition AS partition,
    cityHash64(producer_id) AS key,
    0 AS is_row,
    [('stored', 1., 0.)] AS measures
FROM tidegate.{table:Identifier} FINAL
WHERE has({partitions:Array(UInt16)}, source_partition)
    AND bitShiftRight(version, 48) = {generation:UInt16}
    AND received_at >= fromUnixTimestamp64Micro({begin:Int64}, 'UTC')
    AND toUnixTimestamp64Micro(received_at)
        < least({end:Int64}, transform(source_partition, {partitions:Array(UInt16)}, {closed:Array(Int64)}, toInt64(0)))
    AND (project, producer_id) NOT IN
    (
        SELECT project, tidegatePageProducer(page)
        FROM tidegate.ledger_pages
        WHERE fate = 'page' AND (project, page) IN
        (
            SELECT project, tidegatePage(producer_id)
            FROM tidegate.{table:Identifier}
            WHERE received_at >= fromUnixTimestamp64Micro({begin:Int64}, 'UTC') AND tidegateIsPage(producer_id)
        )
    )
UNION ALL
SELECT
    window_start,
    project,
    source_partition,
    cityHash64(producer_id),
    1,
    [('stored', 0., toFloat64(stored))]
FROM tidegate.ledger FINAL
WHERE {aggregated}
    AND (project, producer_id) NOT IN
    (
        SELECT project, tidegatePageProducer(page)
        FROM tidegate.ledger_pages
        WHERE fate = 'page' AND (project, page) IN
        (
            SELECT project, tidegatePage(producer_id)
            FROM tidegate.ledger
            WHERE window_start >= fromUnixTimestamp64Micro({begin:Int64}, 'UTC') AND tidegateIsPage(producer_id)
        )
    )
