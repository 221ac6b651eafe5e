-- Use of each agent: installs, runs, failed runs. Windows are 15 minutes wide.
SELECT
    agent,
    sumIf(usage.count, event = 'agent_installed') AS installed,
    sumIf(usage.count, event = 'agent_run') AS ran,
    sumIf(usage.failures, event = 'agent_run') AS failed
FROM analytics.usage AS usage
WHERE project = ${project:sqlstring} AND agent != '' AND window_start > $__fromTime - 900 AND window_start <= $__toTime
GROUP BY agent
ORDER BY ran DESC, agent
