-- State of every endpoint now, the worst first: why, and since when.
SELECT state, service, method, route, reason, since FROM analytics.endpoint_health
WHERE project = ${project:sqlstring}
ORDER BY indexOf(['down', 'degraded', 'ok', 'no data'], state), service, route, method
