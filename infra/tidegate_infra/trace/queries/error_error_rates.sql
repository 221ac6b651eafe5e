-- The ten seconds in which the exception counts.
SELECT w.window_start AS window_start, w.service AS service, w.method AS method, w.route AS route, w.requests AS requests, w.client_errors AS client_errors, w.server_errors AS server_errors, w.exceptions AS exceptions, w.final AS final
FROM tidegate.events_error AS e FINAL, tidegate.error_rates AS w FINAL
WHERE e.event_id = {event_id:UUID}
    AND w.project = e.project
    AND w.source_topic = {topic:String}
    AND w.source_partition = e.source_partition
    AND e.clean_offset BETWEEN w.first_offset AND bitAnd(w.version, 0xFFFFFFFFFFFF)
    AND w.window_start = toStartOfInterval(e.occurred_at, INTERVAL 10 SECOND)
    AND w.service IN (e.service, '(other)')
    AND w.route IN (e.route, '(other)')
    AND w.method IN (e.method, '(other)')
ORDER BY w.first_offset
LIMIT 5
