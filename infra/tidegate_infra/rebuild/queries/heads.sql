-- How far the archive of one kind reaches, by generation and partition: offsets, and the watermark of all its records.
SELECT
    bitShiftRight(version, 48) AS generation,
    source_partition AS partition,
    min(clean_offset) AS oldest,
    max(clean_offset) AS head,
    toUnixTimestamp64Micro(maxIf(occurred_at, occurred_at <= received_at + INTERVAL 5 MINUTE)) AS watermark,
    toUnixTimestamp64Micro(min(received_at)) AS oldest_received
FROM tidegate.{table:Identifier}
GROUP BY generation, partition
ORDER BY generation, partition
