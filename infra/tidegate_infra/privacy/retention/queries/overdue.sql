-- Rows older than allowed, in parts that have been there long enough for a merge to take them out. Filled in: table and column.
SELECT count() AS rows
FROM tidegate.{table}
WHERE {column} < fromUnixTimestamp({allowed:Int64})
  AND _part IN
  (
      SELECT name FROM system.parts
      WHERE database = 'tidegate' AND table = '{table}' AND active AND modification_time < fromUnixTimestamp({settled:Int64})
  )
