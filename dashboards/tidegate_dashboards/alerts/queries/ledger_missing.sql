-- Numbers that were given out and are nowhere, by who numbers; the sample is the number of events that were sent.
SELECT
    producer_kind,
    sumIf(quantity, fate = 'missing') AS value,
    sumIf(quantity, fate != 'voided') AS sample
FROM analytics.ledger_entries_since(since = {start:DateTime('UTC')})
WHERE project = {project:String} AND minute < {end:DateTime('UTC')}
GROUP BY producer_kind
ORDER BY producer_kind
