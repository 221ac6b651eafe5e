-- Rows of an event, of whatever kind.
SELECT
    'track' AS kind, project, bitShiftRight(version, 48) AS generation, source_partition AS partition, source_offset AS raw_offset, clean_offset, occurred_at, received_at, inserted_at
FROM tidegate.events_track FINAL
WHERE event_id = {event_id:UUID}
UNION ALL
SELECT
    'error' AS kind, project, bitShiftRight(version, 48) AS generation, source_partition AS partition, source_offset AS raw_offset, clean_offset, occurred_at, received_at, inserted_at
FROM tidegate.events_error FINAL
WHERE event_id = {event_id:UUID}
UNION ALL
SELECT
    'span' AS kind, project, bitShiftRight(version, 48) AS generation, source_partition AS partition, source_offset AS raw_offset, clean_offset, occurred_at, received_at, inserted_at
FROM tidegate.events_span FINAL
WHERE event_id = {event_id:UUID}
UNION ALL
SELECT
    'metric' AS kind, project, bitShiftRight(version, 48) AS generation, source_partition AS partition, source_offset AS raw_offset, clean_offset, occurred_at, received_at, inserted_at
FROM tidegate.events_metric FINAL
WHERE event_id = {event_id:UUID}
UNION ALL
SELECT
    'log' AS kind, project, bitShiftRight(version, 48) AS generation, source_partition AS partition, source_offset AS raw_offset, clean_offset, occurred_at, received_at, inserted_at
FROM tidegate.events_log FINAL
WHERE event_id = {event_id:UUID}
UNION ALL
SELECT
    'health' AS kind, project, bitShiftRight(version, 48) AS generation, source_partition AS partition, source_offset AS raw_offset, clean_offset, occurred_at, received_at, inserted_at
FROM tidegate.events_health FINAL
WHERE event_id = {event_id:UUID}
