-- Persons active on each of the 30 days (UTC) up to the end of the range.
-- Subjects: persons, cookieless
SELECT day, sum(users) AS persons, sum(cookieless_visitors) AS cookieless
FROM analytics.dau
WHERE project = {project:String}
  AND day > toDate({end:DateTime('UTC')}) - 30 AND day <= toDate({end:DateTime('UTC')})
GROUP BY day
ORDER BY day
