-- Rows of a range that a partition's records up to a version must have made. Filled in: table, key and the range's columns.
SELECT {key}, cityHash64({key}) AS row_key
FROM tidegate.{table} FINAL
WHERE source_topic = {topic:String}
    AND source_partition = {partition:UInt16}
    AND version BETWEEN {lowest:UInt64} AND {highest:UInt64}
    AND {last} < fromUnixTimestamp64Micro({closed:Int64}, 'UTC')
    AND {first} < fromUnixTimestamp64Micro({end:Int64}, 'UTC')
    AND {last} >= fromUnixTimestamp64Micro({begin:Int64}, 'UTC')
