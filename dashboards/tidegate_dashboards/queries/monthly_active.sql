-- Persons active in each of the 12 calendar months (UTC) up to the end of the range.
-- Subjects: persons, cookieless
SELECT month, sum(users) AS persons, sum(cookieless_visitors) AS cookieless
FROM analytics.mau
WHERE project = {project:String}
  AND month > toStartOfMonth({end:DateTime('UTC')}) - INTERVAL 12 MONTH AND month <= toDate({end:DateTime('UTC')})
GROUP BY month
ORDER BY month
