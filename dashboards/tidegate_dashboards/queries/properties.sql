-- Properties that events carry, the latest to appear first; `new` are those that appeared in the last 7 days.
SELECT
    kind,
    event,
    field,
    property,
    types,
    first_seen,
    last_seen,
    approximate_events,
    first_seen > now() - INTERVAL 7 DAY AS new
FROM analytics.properties
WHERE project = {project:String}
ORDER BY first_seen DESC, kind, event, field, property
LIMIT 50
