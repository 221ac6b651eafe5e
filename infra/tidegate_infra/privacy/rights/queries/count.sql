-- Filled in: table and which.
SELECT count() AS rows FROM tidegate.{table} WHERE {which}
