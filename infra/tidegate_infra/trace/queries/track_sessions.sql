-- The session that the event belongs to.
SELECT w.started_at AS started_at, w.ended_at AS ended_at, w.events AS events, w.pageviews AS pageviews, w.final AS final
FROM tidegate.events_track AS e FINAL, tidegate.sessions AS w FINAL
WHERE e.event_id = {event_id:UUID}
    AND w.project = e.project
    AND w.source_topic = {topic:String}
    AND w.source_partition = e.source_partition
    AND e.clean_offset BETWEEN w.first_offset AND bitAnd(w.version, 0xFFFFFFFFFFFF)
    AND w.visitor = e.visitor
    AND e.occurred_at BETWEEN w.started_at AND w.ended_at
ORDER BY w.first_offset
LIMIT 5
