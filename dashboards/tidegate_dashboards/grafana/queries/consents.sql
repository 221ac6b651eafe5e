-- What people decided about being measured, and the share of those asked who agreed, by purpose and version of the text.
SELECT
    consents.purpose AS purpose,
    consents.consent_version AS version,
    sum(consents.granted) AS granted_by,
    sum(consents.anonymous) AS anonymous_by,
    sum(consents.denied) AS denied_by,
    sum(consents.withdrawn) AS withdrawn_by,
    if(granted_by + anonymous_by + denied_by > 0, granted_by / (granted_by + anonymous_by + denied_by), NULL) AS consent_rate
FROM analytics.consents AS consents
WHERE project = ${project:sqlstring} AND day >= toDate($__fromTime) AND day <= toDate($__toTime)
GROUP BY purpose, version
ORDER BY purpose, version
