-- Without what the browsers of people who look at the marketplace sent: the demo's call sites don't count it.
WITH archived AS
(
    SELECT event_id FROM tidegate.events_track FINAL
    WHERE project = {project:String} AND NOT startsWith(producer_id, 'browser:')
    UNION ALL SELECT event_id FROM tidegate.events_error FINAL
    WHERE project = {project:String} AND NOT startsWith(producer_id, 'browser:')
    UNION ALL SELECT event_id FROM tidegate.events_span FINAL
    WHERE project = {project:String} AND NOT startsWith(producer_id, 'browser:')
    UNION ALL SELECT event_id FROM tidegate.events_metric FINAL
    WHERE project = {project:String} AND NOT startsWith(producer_id, 'browser:')
    UNION ALL SELECT event_id FROM tidegate.events_log FINAL WHERE project = {project:String}
)
SELECT 'stored' AS outcome, '' AS reason, toInt64(uniqExact(event_id)) FROM archived
UNION ALL
SELECT 'doubled', '', toInt64(count() - uniqExact(event_id)) FROM archived
UNION ALL
SELECT outcome, reason, sum(quantity)
FROM tidegate.outcomes FINAL
WHERE project = {project:String} AND outcome IN ('dropped', 'dead_lettered') AND NOT startsWith(producer_id, 'browser:')
    -- What the gateway didn't take was sent again: it is accounted for under another number.
    AND NOT (reporter = 'gateway' AND notEmpty(sequences) AND reason IN ('undeliverable', 'queue_full', 'unanswered'))
GROUP BY outcome, reason
