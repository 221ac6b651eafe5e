-- Number of rows, and the time of the oldest. Filled in: table and column.
SELECT count() AS rows, toInt64(toUnixTimestamp(min({column}))) AS oldest
FROM tidegate.{table}
