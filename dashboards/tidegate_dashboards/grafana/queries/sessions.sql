-- Sessions that began in the range.
SELECT count() AS sessions FROM analytics.sessions
WHERE project = ${project:sqlstring} AND $__timeFilter(started_at)
