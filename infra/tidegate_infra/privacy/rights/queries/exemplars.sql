-- Empties what points at spans that go. Filled in: their table and which.
ALTER TABLE tidegate.latencies UPDATE exemplar_seconds = 0, exemplar_trace_id = ''
WHERE project = {project:String} AND exemplar_trace_id != ''
    AND exemplar_trace_id IN (SELECT trace_id FROM tidegate.{table} WHERE trace_id != '' AND {which})
