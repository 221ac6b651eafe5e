-- In each window of latencies, the trace of the slowest operation: from a number to what it was made of.
ALTER TABLE tidegate.latencies {on_cluster}
    ADD COLUMN IF NOT EXISTS `exemplar_seconds` Float64
        COMMENT 'Duration of the slowest operation that has a trace and belongs to no person; 0 if none has.' AFTER `bucket_counts`;

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

-- What is estimated says so: where the sender left events out, counts are sums of weights, and whoever counts persons or
-- sessions counts those that were kept.
CREATE OR REPLACE VIEW analytics.sampling {on_cluster} AS
SELECT
    toDate(occurred_at) AS day,
    project,
    kind,
    count() AS kept,
    sum(tidegateWeight(e.sample_rate)) AS events,
    min(e.sample_rate) AS lowest_rate
FROM
(
    SELECT occurred_at, project, 'track' AS kind, sample_rate FROM tidegate.events_track FINAL
    UNION ALL SELECT occurred_at, project, 'error', sample_rate FROM tidegate.events_error FINAL
    UNION ALL SELECT occurred_at, project, 'span', sample_rate FROM tidegate.events_span FINAL
    UNION ALL SELECT occurred_at, project, 'metric', sample_rate FROM tidegate.events_metric FINAL
    UNION ALL SELECT occurred_at, project, 'log', sample_rate FROM tidegate.events_log FINAL
    UNION ALL SELECT occurred_at, project, 'health', sample_rate FROM tidegate.events_health FINAL
) AS e
GROUP BY day, project, kind;

ALTER TABLE analytics.sampling {on_cluster} MODIFY COMMENT 'One row a day (UTC) and kind: events that were kept, and for how many they stand. Where lowest_rate is below 1, counts are estimates, and persons and sessions are those that were kept.';

-- A session of one event kept at a rate of 0.1 has 10 events: what tells a single event is that no time passed.
CREATE OR REPLACE VIEW analytics.sessions_daily {on_cluster} AS
SELECT
    toDate(s.started_at) AS day,
    s.project AS project,
    count() AS sessions,
    quantileExact(0.5)(dateDiff('millisecond', s.started_at, s.ended_at) / 1000) AS median_seconds,
    countIf(s.started_at = s.ended_at) / count() AS bounce_rate
FROM (SELECT * FROM tidegate.sessions FINAL) AS s
GROUP BY day, project;

ALTER TABLE analytics.sessions_daily {on_cluster} MODIFY COMMENT 'One row a day (UTC): sessions that began, their median duration, and the share with a single event. Where events are sampled (analytics.sampling): of the sessions that were kept.';
ALTER TABLE analytics.sessions {on_cluster} MODIFY COMMENT 'One row a session: a visitor\'s track events with no gap of 30 minutes, for 24 hours at most, and the errors in it. Where events are sampled (analytics.sampling): the sessions that were kept; events and pageviews are weighted, errors are those of these sessions.';
ALTER TABLE analytics.activity {on_cluster} MODIFY COMMENT 'One row a visitor, signed-in user and quarter of an hour: events and features used. A day of any time zone is a range of rows. Where events are sampled (analytics.sampling): the visitors who were kept.';
ALTER TABLE analytics.dau {on_cluster} MODIFY COMMENT 'One row a day (UTC): persons who were active. Where events are sampled (analytics.sampling): those who were kept, no estimate of all.';
ALTER TABLE analytics.mau {on_cluster} MODIFY COMMENT 'One row a calendar month (UTC): persons who were active, visitors without a lasting id left out. Where events are sampled (analytics.sampling): those who were kept, no estimate of all.';
ALTER TABLE analytics.agent_use {on_cluster} MODIFY COMMENT 'One row an agent and day (UTC): installs, runs, failed runs, and the persons behind them. Where events are sampled (analytics.sampling): persons are those who were kept.';
ALTER TABLE analytics.issues {on_cluster} MODIFY COMMENT 'One row a group of like exceptions: how many, how many persons, first and last seen, releases. Where errors are sampled (analytics.sampling): persons are those who were kept.';
