-- What became of a raw record that the gate refused.
SELECT reason, detail, occurred_at
FROM tidegate.dead_letters FINAL
WHERE source = {source:String} AND raw_partition = {partition:Int32} AND raw_offset = {offset:Int64}
