WITH archived AS
(
    SELECT event_id FROM tidegate.events_track FINAL WHERE project = {project:String}
    UNION ALL SELECT event_id FROM tidegate.events_error FINAL WHERE project = {project:String}
    UNION ALL SELECT event_id FROM tidegate.events_span FINAL WHERE project = {project:String}
    UNION ALL SELECT event_id FROM tidegate.events_metric FINAL WHERE project = {project:String}
    UNION ALL SELECT event_id FROM tidegate.events_log FINAL WHERE project = {project:String}
)
SELECT 'stored' AS outcome, '' AS reason, toInt64(uniqExact(event_id)) FROM archived
UNION ALL
SELECT 'doubled', '', toInt64(count() - uniqExact(event_id)) FROM archived
UNION ALL
SELECT outcome, reason, sum(quantity) FROM tidegate.outcomes FINAL WHERE project = {project:String} GROUP BY outcome, reason
