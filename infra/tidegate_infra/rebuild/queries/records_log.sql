-- What folds read of archived log records.
SELECT * EXCEPT (event_id, properties, attributes, body, inserted_at, version, source_partition)
FROM tidegate.events_log
WHERE source_partition = {partition:UInt16}
    AND bitShiftRight(version, 48) = {generation:UInt16}
    AND clean_offset BETWEEN {first:Int64} AND {last:Int64}
