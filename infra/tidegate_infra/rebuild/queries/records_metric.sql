-- What folds read of archived points. The text of attributes is ClickHouse's, see tidegate_stream.rebuild.archived.
SELECT * EXCEPT (event_id, properties, inserted_at, version, source_partition) REPLACE (toJSONString(attributes) AS attributes)
FROM tidegate.events_metric
WHERE source_partition = {partition:UInt16}
    AND bitShiftRight(version, 48) = {generation:UInt16}
    AND clean_offset BETWEEN {first:Int64} AND {last:Int64}
