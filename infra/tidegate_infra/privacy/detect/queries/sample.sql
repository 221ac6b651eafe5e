-- A random sample of a table's texts. Filled in: table, and columns that come from our own list.
SELECT {columns}
FROM tidegate.{table} FINAL
WHERE project = {project:String} AND received_at >= {since:DateTime64(6, 'UTC')} AND consent != 'erased'
ORDER BY sipHash64(event_id)
LIMIT {rows:UInt32}
