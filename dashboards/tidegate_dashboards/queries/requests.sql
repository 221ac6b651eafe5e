-- Requests by outcome over time: answered well, refused (4xx), failed (5xx), and exceptions reported on the way.
SELECT
    toStartOfInterval(window_start, toIntervalSecond({step:UInt32}), 'UTC') AS time,
    sum(requests) AS requests,
    sum(client_errors) AS client_errors,
    sum(server_errors) AS server_errors,
    sum(exceptions) AS exceptions,
    greatest(requests - client_errors - server_errors, 0) AS successes
FROM analytics.error_rates
WHERE project = {project:String}
  AND window_start >= {start:DateTime('UTC')} AND window_start < {end:DateTime('UTC')}
GROUP BY time
ORDER BY time
