-- Dead letters, the newest first; an empty filter lets everything through. The payload in base64, as it is no text.
SELECT
    dead_letter_id,
    project,
    producer_id,
    sequence,
    source,
    source_partition,
    toUInt16(bitShiftRight(version, 48)) AS generation,
    raw_partition,
    raw_offset,
    reason,
    detail,
    fingerprint,
    size_bytes,
    occurred_at,
    excerpt,
    resolution,
    base64Encode(payload) AS sealed
FROM tidegate.dead_letters FINAL
WHERE (empty({ids:Array(String)}) OR has({ids:Array(String)}, dead_letter_id))
    AND ({reason:String} = '' OR reason = {reason:String})
    AND ({project:String} = '' OR project = {project:String})
    AND occurred_at >= fromUnixTimestamp64Micro({begin:Int64}, 'UTC')
    AND occurred_at < fromUnixTimestamp64Micro({end:Int64}, 'UTC')
    AND ({resolved:Bool} OR resolution = '')
ORDER BY occurred_at DESC, dead_letter_id
LIMIT {limit:UInt32}
