-- Share of requests that failed on the server, by endpoint; the sample is the number of requests.
SELECT
    service, method, route,
    sum(server_errors) / sum(requests) AS value,
    sum(requests) AS sample
FROM analytics.error_rates
WHERE project = {project:String}
  AND window_start >= {start:DateTime('UTC')} AND window_start < {end:DateTime('UTC')}
GROUP BY service, method, route
HAVING sum(requests) > 0
ORDER BY service, method, route
