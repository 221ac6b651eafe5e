-- CPU utilisation by service.
SELECT minute AS time, service, cpu_utilization AS cpu FROM analytics.resources
WHERE project = ${project:sqlstring} AND $__timeFilter(minute) AND isFinite(cpu_utilization)
ORDER BY time, service
