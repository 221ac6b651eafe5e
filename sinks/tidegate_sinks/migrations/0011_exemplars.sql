-- In each window of latencies, the trace of the slowest operation: from a number to what it was made of.
ALTER TABLE tidegate.latencies {on_cluster}
    ADD COLUMN IF NOT EXISTS `exemplar_seconds` Float64
        COMMENT 'Duration of the slowest operation that has a trace; 0 if none has.' AFTER `bucket_counts`;

ALTER TABLE tidegate.latencies {on_cluster}
    ADD COLUMN IF NOT EXISTS `exemplar_trace_id` String
        COMMENT 'Trace id of that operation; empty if none has one.' AFTER `exemplar_seconds`;

CREATE OR REPLACE VIEW analytics.latencies {on_cluster} AS
SELECT
    window_start, project, environment, release, service, route, method, operation, statement, db_system,
    sum(w.count) AS count,
    sum(w.sum_seconds) AS sum_seconds,
    min(w.min_seconds) AS min_seconds,
    max(w.max_seconds) AS max_seconds,
    sumMap(w.buckets, w.bucket_counts) AS sketch,
    tidegateQuantile(sketch, 0.5) AS p50_seconds,
    tidegateQuantile(sketch, 0.95) AS p95_seconds,
    tidegateQuantile(sketch, 0.99) AS p99_seconds,
    sum(w.revision) AS revision,
    min(w.final) AS final,
    max(w.exemplar_seconds) AS exemplar_seconds,
    argMax(w.exemplar_trace_id, (w.exemplar_seconds, w.exemplar_trace_id)) AS exemplar_trace_id
FROM (SELECT * FROM tidegate.latencies FINAL) AS w
GROUP BY window_start, project, environment, release, service, route, method, operation, statement, db_system;

ALTER TABLE analytics.latencies {on_cluster} MODIFY COMMENT 'One row a release, operation and ten seconds: count, sum, extremes and percentiles of durations, and the trace of the slowest.';

CREATE OR REPLACE VIEW analytics.endpoint_latency {on_cluster} AS
SELECT
    toStartOfMinute(window_start) AS minute,
    project,
    service,
    method,
    route,
    sum(w.count) AS requests,
    sumMap(w.buckets, w.bucket_counts) AS sketch,
    tidegateQuantile(sketch, 0.5) AS p50_seconds,
    tidegateQuantile(sketch, 0.95) AS p95_seconds,
    tidegateQuantile(sketch, 0.99) AS p99_seconds,
    max(w.exemplar_seconds) AS exemplar_seconds,
    argMax(w.exemplar_trace_id, (w.exemplar_seconds, w.exemplar_trace_id)) AS exemplar_trace_id
FROM (SELECT * FROM tidegate.latencies FINAL) AS w
WHERE operation = 'request'
GROUP BY minute, project, service, method, route;

ALTER TABLE analytics.endpoint_latency {on_cluster} MODIFY COMMENT 'One row an endpoint and minute: latency percentiles of its requests, within 1 %, and the trace of the slowest. Merge sketches with sumMap(sketch), read them with tidegateQuantile(sketch, q).';

CREATE OR REPLACE VIEW analytics.query_performance {on_cluster} AS
SELECT
    toStartOfMinute(window_start) AS minute,
    project,
    service,
    db_system,
    statement,
    sum(w.count) AS calls,
    sumMap(w.buckets, w.bucket_counts) AS sketch,
    tidegateQuantile(sketch, 0.5) AS p50_seconds,
    tidegateQuantile(sketch, 0.95) AS p95_seconds,
    tidegateQuantile(sketch, 0.99) AS p99_seconds,
    max(w.exemplar_seconds) AS exemplar_seconds,
    argMax(w.exemplar_trace_id, (w.exemplar_seconds, w.exemplar_trace_id)) AS exemplar_trace_id
FROM (SELECT * FROM tidegate.latencies FINAL) AS w
WHERE operation = 'query'
GROUP BY minute, project, service, db_system, statement;

ALTER TABLE analytics.query_performance {on_cluster} MODIFY COMMENT 'One row a statement summary and minute: calls and latency percentiles of database queries, within 1 %, and the trace of the slowest.';
