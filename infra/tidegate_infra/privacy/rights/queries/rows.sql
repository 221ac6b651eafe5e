-- Which rows of an aggregate an erasure means. Filled in: what holds a pseudonym.
project = {project:String}
    AND toInt64(bitAnd(version, 281474976710655))
        < transform(concat(source_topic, '/', toString(source_partition)), {topics:Array(String)}, {offsets:Array(Int64)}, toInt64(0))
    AND ({holders})
