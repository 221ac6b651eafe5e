-- Share of requests that failed on the server, by endpoint over time, for the eight endpoints that failed most.
WITH busiest AS (
    SELECT service, method, route
    FROM analytics.error_rates
    WHERE project = {project:String}
      AND window_start >= {start:DateTime('UTC')} AND window_start < {end:DateTime('UTC')}
    GROUP BY service, method, route
    HAVING sum(requests) > 0
    ORDER BY sum(server_errors) DESC, sum(requests) DESC
    LIMIT 8
)
SELECT
    toStartOfInterval(window_start, toIntervalSecond({step:UInt32}), 'UTC') AS time,
    service, method, route,
    sum(requests) AS total,
    sum(server_errors) AS failed,
    sum(client_errors) AS refused,
    sum(exceptions) AS thrown,
    failed / total AS error_rate
FROM analytics.error_rates
WHERE project = {project:String}
  AND window_start >= {start:DateTime('UTC')} AND window_start < {end:DateTime('UTC')}
  AND (service, method, route) IN busiest
GROUP BY time, service, method, route
HAVING total > 0
ORDER BY time, service, method, route
