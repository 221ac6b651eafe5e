-- Events that were inserted since a time: by id, and points of a metric by their time, how many there are of it.
SELECT toString(event_id) AS key, toUInt64(1) AS number FROM tidegate.events_track
WHERE project = {project:String} AND inserted_at >= fromUnixTimestamp64Micro({since:Int64})
UNION ALL
SELECT toString(event_id), 1 FROM tidegate.events_error
WHERE project = {project:String} AND inserted_at >= fromUnixTimestamp64Micro({since:Int64})
UNION ALL
SELECT toString(event_id), 1 FROM tidegate.events_span
WHERE project = {project:String} AND inserted_at >= fromUnixTimestamp64Micro({since:Int64})
UNION ALL
SELECT toString(event_id), 1 FROM tidegate.events_log
WHERE project = {project:String} AND inserted_at >= fromUnixTimestamp64Micro({since:Int64})
UNION ALL
SELECT toString(toUnixTimestamp64Micro(occurred_at)), uniqExact(event_id) FROM tidegate.events_metric
WHERE project = {project:String} AND inserted_at >= fromUnixTimestamp64Micro({since:Int64})
GROUP BY occurred_at
