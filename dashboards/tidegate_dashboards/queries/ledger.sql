-- What became of the events that were sent, by who numbered them: an SDK, a page, the gateway, or a client of its own.
SELECT
    producer_kind,
    sumIf(quantity, fate != 'voided') AS sent,
    sumIf(quantity, fate = 'stored') AS stored,
    sumIf(quantity, fate = 'dropped') AS dropped,
    sumIf(quantity, fate = 'dead_lettered') AS dead_lettered,
    sumIf(quantity, fate = 'in_flight') AS in_flight,
    sumIf(quantity, fate = 'missing') AS missing
FROM analytics.ledger_entries_since(since = {start:DateTime('UTC')})
WHERE project = {project:String} AND minute < {end:DateTime('UTC')}
GROUP BY producer_kind
ORDER BY producer_kind
