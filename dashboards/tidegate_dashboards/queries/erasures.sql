-- The latest erasures of the project: receipt, stage, who asked and confirmed, times, and how many events went.
SELECT
    receipt_id, stage, asked_from, requested_by, confirmed_by, requested_at, logically_erased_at, physically_erased_at,
    expected_by, erased_events
FROM analytics.erasures
WHERE project = {project:String}
ORDER BY requested_at DESC
LIMIT 50
