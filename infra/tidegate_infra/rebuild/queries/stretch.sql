-- Where the records of a part of time are in a partition.
SELECT count() AS records, min(clean_offset) AS first, max(clean_offset) AS last
FROM tidegate.{table:Identifier}
WHERE source_partition = {partition:UInt16}
    AND bitShiftRight(version, 48) = {generation:UInt16}
    AND clean_offset <= {head:Int64}
    AND {time:Identifier} >= fromUnixTimestamp64Micro({begin:Int64}, 'UTC')
    AND {time:Identifier} < fromUnixTimestamp64Micro({end:Int64}, 'UTC')
