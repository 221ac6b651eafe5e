-- Runs of all agents in each quarter of an hour of the 24 hours up to the end of the range, also those without any.
SELECT window_start AS time, sum(usage.count) AS ran
FROM analytics.usage AS usage
WHERE project = {project:String} AND event = 'agent_run'
  AND window_start >= {end:DateTime('UTC')} - INTERVAL 1 DAY AND window_start < {end:DateTime('UTC')}
GROUP BY time
ORDER BY time WITH FILL FROM toStartOfFifteenMinutes({end:DateTime('UTC')} - INTERVAL 1 DAY)
  TO {end:DateTime('UTC')} STEP INTERVAL 15 MINUTE
