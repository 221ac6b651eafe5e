-- Which archived events an erasure means. Filled in: what holds a pseudonym.
project = {project:String}
    AND consent != 'erased'
    AND clean_offset < transform(bitShiftRight(version, 48) * 65536 + source_partition, {places:Array(UInt64)}, {offsets:Array(Int64)}, toInt64(0))
    AND ({holders})
