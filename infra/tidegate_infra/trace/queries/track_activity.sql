-- The quarter of an hour in which the visitor was active.
SELECT w.window_start AS window_start, w.events AS events, w.final AS final
FROM tidegate.events_track AS e FINAL, tidegate.activity AS w FINAL
WHERE e.event_id = {event_id:UUID}
    AND w.project = e.project
    AND w.source_topic = {topic:String}
    AND w.source_partition = e.source_partition
    AND e.clean_offset BETWEEN w.first_offset AND bitAnd(w.version, 0xFFFFFFFFFFFF)
    AND w.window_start = toStartOfInterval(e.occurred_at, INTERVAL 15 MINUTE)
    AND w.visitor = e.visitor
    AND w.user = e.user
ORDER BY w.first_offset
LIMIT 5
