-- Archived events that go, as the ledger counts them. Filled in: table and which.
SELECT
    producer_id,
    toUnixTimestamp64Micro(toDateTime64(toStartOfMinute(received_at), 6, 'UTC')) AS minute,
    count() AS quantity,
    min(version) AS first
FROM tidegate.{table} FINAL
WHERE {which}
GROUP BY producer_id, minute
