SELECT 'stored' AS outcome, '' AS reason, sum(number)
FROM
(
    SELECT count() AS number FROM tidegate.events_track FINAL WHERE project = {project:String}
    UNION ALL SELECT count() FROM tidegate.events_error FINAL WHERE project = {project:String}
    UNION ALL SELECT count() FROM tidegate.events_span FINAL WHERE project = {project:String}
    UNION ALL SELECT count() FROM tidegate.events_metric FINAL WHERE project = {project:String}
)
UNION ALL
SELECT outcome, reason, sum(quantity) FROM tidegate.outcomes FINAL WHERE project = {project:String} GROUP BY outcome, reason
