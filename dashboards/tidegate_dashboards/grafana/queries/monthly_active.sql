-- Persons active in the calendar month (UTC) that the range ends in.
SELECT sum(users) AS persons FROM analytics.mau
WHERE project = ${project:sqlstring} AND month = toStartOfMonth(toDate($__toTime, 'UTC'))
