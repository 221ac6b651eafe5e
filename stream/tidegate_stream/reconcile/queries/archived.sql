-- Which archived events are compared: those of the judged partitions, in windows that are closed.
has({partitions:Array(UInt16)}, source_partition)
    AND bitShiftRight(version, 48) = {generation:UInt16}
    AND occurred_at >= fromUnixTimestamp64Micro({begin:Int64}, 'UTC')
    AND toUnixTimestamp64Micro(occurred_at)
        < least({end:Int64}, transform(source_partition, {partitions:Array(UInt16)}, {closed:Array(Int64)}, toInt64(0)))
