-- Makes stubs of events. Filled in: table, assignments and which.
ALTER TABLE tidegate.{table} UPDATE {assignments} WHERE {which}
