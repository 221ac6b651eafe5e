-- Filled in: table and which.
ALTER TABLE tidegate.{table} DELETE WHERE {which}
