-- Settled pages that have rows here of settled numbers only: those rows say nothing any more.
SELECT r.project, r.producer_id
FROM
(
    SELECT project, producer_id, max({top}) AS top
    FROM tidegate.{table}
    WHERE tidegateIsPage(producer_id)
    GROUP BY project, producer_id
) AS r
INNER JOIN
(
    SELECT project, tidegatePageProducer(page) AS producer_id, sum(quantity) AS last
    FROM tidegate.ledger_pages
    WHERE fate = 'page' AND (project, page) IN (SELECT project, tidegatePage(producer_id) FROM tidegate.{table} WHERE tidegateIsPage(producer_id))
    GROUP BY project, page
) AS s ON s.project = r.project AND s.producer_id = r.producer_id
WHERE r.top <= s.last
