SELECT count(), quantileExact(0.95)(dateDiff('millisecond', occurred_at, inserted_at) / 1000)
FROM tidegate.events_track FINAL
WHERE project = {project:String} AND occurred_at >= fromUnixTimestamp64Micro({since:Int64})
