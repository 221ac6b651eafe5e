-- The ten minutes in which the session began.
SELECT w.window_start AS window_start, w.release AS release, w.init AS init, w.crashed AS crashed, w.counted AS counted, w.final AS final
FROM tidegate.events_health AS e FINAL, tidegate.release_health AS w FINAL
WHERE e.event_id = {event_id:UUID}
    AND e.report IN ('session', 'sessions')
    AND w.project = e.project
    AND w.source_topic = {topic:String}
    AND w.source_partition = e.source_partition
    AND e.clean_offset BETWEEN w.first_offset AND bitAnd(w.version, 0xFFFFFFFFFFFF)
    AND w.window_start = toStartOfInterval(e.occurred_at, INTERVAL 10 MINUTE)
    AND w.environment = e.environment
    AND w.release = e.release
    AND w.session_or_user = if(e.report = 'session' AND e.session != '', e.session, e.user)
ORDER BY w.first_offset
LIMIT 5
