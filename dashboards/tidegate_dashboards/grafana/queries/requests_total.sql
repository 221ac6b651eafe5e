-- Requests in the range.
SELECT sum(requests) AS requests FROM analytics.error_rates
WHERE project = ${project:sqlstring} AND $__timeFilter(window_start)
