-- Projects that have sent anything.
SELECT project FROM (
    SELECT project FROM analytics.usage UNION DISTINCT SELECT project FROM analytics.error_rates
) ORDER BY project
