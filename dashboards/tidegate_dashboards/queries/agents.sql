-- Use of each agent, the most used first: installs, runs, failed runs. Windows are 15 minutes wide.
SELECT
    agent,
    sumIf(usage.count, event = 'agent_installed') AS installed,
    sumIf(usage.count, event = 'agent_run') AS ran,
    sumIf(usage.failures, event = 'agent_run') AS failed,
    if(ran > 0, failed / ran, 0) AS failure_rate
FROM analytics.usage AS usage
WHERE project = {project:String} AND agent != ''
  AND window_start > {start:DateTime('UTC')} - INTERVAL 15 MINUTE AND window_start < {end:DateTime('UTC')}
GROUP BY agent
ORDER BY ran DESC, installed DESC, agent
LIMIT 50
