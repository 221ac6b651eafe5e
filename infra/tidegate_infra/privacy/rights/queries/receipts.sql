-- Receipts, the latest first; all of them or one.
SELECT *
FROM tidegate.erasures FINAL
WHERE {receipt:String} IN ('', receipt_id) AND {project:String} IN ('', project)
ORDER BY requested_at DESC
LIMIT {limit:UInt32}
