-- How far a fold's time had got before an offset (0: no record before it). As in tidegate_stream.windows.watermark.
SELECT toUnixTimestamp64Micro(max({time:Identifier})) AS watermark
FROM tidegate.{table:Identifier}
WHERE source_partition = {partition:UInt16}
    AND bitShiftRight(version, 48) = {generation:UInt16}
    AND clean_offset < {before:Int64}
    AND {time:Identifier} <= received_at + INTERVAL 5 MINUTE
