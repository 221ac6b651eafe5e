-- Share of the range's requests that failed on the server.
SELECT sum(server_errors) / nullIf(sum(requests), 0) AS error_rate FROM analytics.error_rates
WHERE project = ${project:sqlstring} AND $__timeFilter(window_start)
