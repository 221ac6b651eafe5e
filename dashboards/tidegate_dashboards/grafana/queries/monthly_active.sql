-- Persons active in the calendar month (UTC) that the range ends in, and how many visitors of one day were left out.
SELECT sum(users) AS persons, sum(cookieless_visitors) AS "left out (no consent)" FROM analytics.mau
WHERE project = ${project:sqlstring} AND month = toStartOfMonth(toDate($__toTime, 'UTC'))
