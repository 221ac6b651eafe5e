-- Receipts, the latest first; all of them, those of a stage, or one.
SELECT *
FROM tidegate.erasures FINAL
WHERE {receipt:String} IN ('', receipt_id) AND {project:String} IN ('', project) AND {stage:String} IN ('', stage)
ORDER BY requested_at DESC
LIMIT {limit:UInt32}
