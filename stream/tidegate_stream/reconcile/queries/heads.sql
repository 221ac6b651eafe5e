-- How far the archive of one kind reaches, by partition: offset, and the watermark of all its records.
SELECT
    source_partition AS partition,
    max(clean_offset) AS head,
    toUnixTimestamp64Micro(maxIf(occurred_at, occurred_at <= received_at + INTERVAL 5 MINUTE)) AS watermark
FROM tidegate.{table:Identifier}
WHERE bitShiftRight(version, 48) = {generation:UInt16}
GROUP BY partition
ORDER BY partition
