-- How long a table keeps rows; parts that hold older ones are written anew. Filled in: table, column and days.
ALTER TABLE tidegate.{table} MODIFY TTL toDateTime({column}) + INTERVAL {days} DAY
