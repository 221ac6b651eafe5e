-- Persons active on the last day (UTC) of the range.
SELECT sum(users) AS persons FROM analytics.dau
WHERE project = ${project:sqlstring} AND day = toDate($__toTime, 'UTC')
