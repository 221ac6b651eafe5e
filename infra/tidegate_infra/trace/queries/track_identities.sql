-- The link between visitor and user that the event is a part of.
SELECT w.first_seen AS first_seen, w.visitor AS visitor, w.user AS user
FROM tidegate.events_track AS e FINAL, tidegate.identities AS w FINAL
WHERE e.event_id = {event_id:UUID}
    AND w.project = e.project
    AND w.source_topic = {topic:String}
    AND w.source_partition = e.source_partition
    AND e.clean_offset BETWEEN w.first_offset AND bitAnd(w.version, 0xFFFFFFFFFFFF)
    AND w.visitor = e.visitor
    AND w.user = e.user
ORDER BY w.first_offset
LIMIT 5
