-- State of every endpoint now, the worst first: why, and since when.
SELECT service, method, route, state, reason, since
FROM analytics.endpoint_health
WHERE project = {project:String}
ORDER BY indexOf(['down', 'degraded', 'ok', 'no data'], state), service, route, method
LIMIT 200
