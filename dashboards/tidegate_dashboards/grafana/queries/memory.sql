-- Resident memory by service, in bytes.
SELECT minute AS time, service, memory_bytes AS memory FROM analytics.resources
WHERE project = ${project:sqlstring} AND $__timeFilter(minute) AND memory_bytes > 0
ORDER BY time, service
