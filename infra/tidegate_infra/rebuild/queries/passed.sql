-- The first record with which the watermark passed a time.
SELECT min(clean_offset) AS first
FROM tidegate.{table:Identifier}
WHERE source_partition = {partition:UInt16}
    AND bitShiftRight(version, 48) = {generation:UInt16}
    AND clean_offset <= {before:Int64}
    AND occurred_at > fromUnixTimestamp64Micro({mark:Int64}, 'UTC')
    AND occurred_at <= received_at + INTERVAL 5 MINUTE
