-- What folds read of archived reports.
SELECT * EXCEPT (event_id, properties, inserted_at, version, source_partition)
FROM tidegate.events_health
WHERE source_partition = {partition:UInt16}
    AND bitShiftRight(version, 48) = {generation:UInt16}
    AND clean_offset BETWEEN {first:Int64} AND {last:Int64}
