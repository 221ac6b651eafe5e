-- CPU (share of one core, or of the machine, as the service reports it) and memory in bytes of each service over time.
SELECT
    toStartOfInterval(minute, toIntervalSecond(greatest({step:UInt32}, 60)), 'UTC') AS time,
    service,
    avgIf(resources.cpu_utilization, isFinite(resources.cpu_utilization)) AS cpu,
    nullIf(max(resources.memory_bytes), 0) AS memory
FROM analytics.resources AS resources
WHERE project = {project:String}
  AND minute >= {start:DateTime('UTC')} AND minute < {end:DateTime('UTC')}
GROUP BY time, service
ORDER BY time, service
