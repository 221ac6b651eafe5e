-- Uses of the same event, feature and agent in its quarter of an hour.
SELECT w.window_start AS window_start, w.event AS event, w.feature AS feature, w.agent AS agent, w.count AS count, w.failures AS failures, w.final AS final
FROM tidegate.events_track AS e FINAL, tidegate.usage AS w FINAL
WHERE e.event_id = {event_id:UUID}
    AND w.project = e.project
    AND w.source_topic = {topic:String}
    AND w.source_partition = e.source_partition
    AND e.clean_offset BETWEEN w.first_offset AND bitAnd(w.version, 0xFFFFFFFFFFFF)
    AND w.window_start = toStartOfInterval(e.occurred_at, INTERVAL 15 MINUTE)
    AND w.event IN (e.name, '(other)')
    AND w.feature IN (e.feature, '(other)')
    AND w.agent IN (e.agent, '(other)')
ORDER BY w.first_offset
LIMIT 5
