-- Which rows of an aggregate are compared with them.
source_topic = {topic:String}
    AND has({partitions:Array(UInt16)}, source_partition)
    AND bitShiftRight(version, 48) = {generation:UInt16}
    AND window_start >= fromUnixTimestamp64Micro({begin:Int64}, 'UTC')
    AND toInt64(toUnixTimestamp(window_start)) * 1000000
        < least({end:Int64}, transform(source_partition, {partitions:Array(UInt16)}, {closed:Array(Int64)}, toInt64(0)))
