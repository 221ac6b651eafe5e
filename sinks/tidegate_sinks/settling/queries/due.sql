-- Pages that are due, and what became of their events by minute: those that closed, of which each number up to the last is
-- accounted for by name, and of which nothing was heard since `rested`. What may still change keeps its rows: a page with
-- a dead letter that may be replayed, with an erasure, or with drops that may have arrived after all. `earlier`: how far such
-- a page was settled before, by the minutes that say so.
SELECT
    e.project AS project,
    e.producer_id AS producer_id,
    any(closed.last) AS last,
    any(closed.last) - any(s.last) AS numbers,
    any(s.earlier) AS earlier,
    groupArray((e.minute, e.fate, e.reason, e.quantity)) AS entries
FROM analytics.ledger_entries AS e
INNER JOIN
(
    SELECT
        project,
        producer_id,
        maxIf(o.quantity, outcome = 'closed') AS last
    FROM
    (
        SELECT
            *,
            arraySum(number -> if(number % 2 = 0, 1, -1) * sequences[number] + (number % 2), range(1, toUInt32(length(sequences)) + 1)) AS named
        FROM tidegate.outcomes FINAL
        WHERE tidegateIsPage(producer_id)
    ) AS o
    GROUP BY project, producer_id
    HAVING last BETWEEN 1 AND 1048576
        AND max(minute) < {rested:DateTime('UTC')}
        AND countIf(outcome NOT IN ('closed', 'dropped') OR (outcome = 'dropped' AND o.quantity != named)) = 0
) AS closed ON closed.project = e.project AND closed.producer_id = e.producer_id
LEFT JOIN
(
    SELECT project, tidegatePageProducer(page) AS producer_id, sum(known) AS last, groupArray((minute, known)) AS earlier
    FROM
    (
        SELECT project, page, minute, sum(quantity) AS known
        FROM tidegate.ledger_pages
        WHERE fate = 'page' AND (project, page) IN (SELECT project, tidegatePage(producer_id) FROM tidegate.outcomes WHERE tidegateIsPage(producer_id))
        GROUP BY project, page, minute
        HAVING known != 0
    )
    GROUP BY project, page
) AS s ON s.project = e.project AND s.producer_id = e.producer_id
WHERE (e.project, e.producer_id) NOT IN (SELECT project, producer_id FROM tidegate.dead_letters FINAL WHERE resolution != 'replayed')
GROUP BY project, producer_id
HAVING max(e.minute) < {rested:DateTime('UTC')}
    AND countIf(e.fate NOT IN ('stored', 'dropped', 'voided') OR e.reason = 'undeliverable') = 0
    AND sum(e.quantity) = numbers
LIMIT {limit:UInt32}
