-- The ten seconds in which the measurement counts.
SELECT w.window_start AS window_start, w.service AS service, w.name AS name, w.instrument AS instrument, w.count AS count, w.last AS last, w.increase AS increase, w.final AS final
FROM tidegate.events_metric AS e FINAL, tidegate.metric_windows AS w FINAL
WHERE e.event_id = {event_id:UUID}
    AND w.project = e.project
    AND w.source_topic = {topic:String}
    AND w.source_partition = e.source_partition
    AND e.clean_offset BETWEEN w.first_offset AND bitAnd(w.version, 0xFFFFFFFFFFFF)
    AND w.window_start = toStartOfInterval(e.occurred_at, INTERVAL 10 SECOND)
    AND w.service IN (e.service, '(other)')
    AND w.name IN (e.name, '(other)')
    AND w.instrument = e.instrument
    AND w.attributes IN (toJSONString(e.attributes), '(other)')
ORDER BY w.first_offset
LIMIT 5
SETTINGS output_format_json_escape_forward_slashes = 0, output_format_json_quote_64bit_integers = 0
