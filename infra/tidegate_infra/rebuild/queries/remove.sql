-- Rows that no record made. Filled in: table and key.
DELETE FROM tidegate.{table}
WHERE source_topic = {topic:String}
    AND source_partition = {partition:UInt16}
    AND version BETWEEN {lowest:UInt64} AND {highest:UInt64}
    AND cityHash64({key}) IN {keys:Array(UInt64)}
