-- The SQL contract, part two: the answers. Each takes conditions on project and time from the outside.

CREATE OR REPLACE VIEW analytics.dau {on_cluster} AS
SELECT toDate(window_start) AS day, project, uniqExact(person) AS users
FROM analytics.activity
GROUP BY day, project;

-- Visitors whose pseudonym lives for a day would count once a day, so they stay out.
CREATE OR REPLACE VIEW analytics.mau {on_cluster} AS
SELECT toStartOfMonth(window_start) AS month, project, uniqExact(person) AS users
FROM analytics.activity
WHERE cookieless = 0
GROUP BY month, project;

CREATE OR REPLACE VIEW analytics.sessions_daily {on_cluster} AS
SELECT
    toDate(started_at) AS day,
    project,
    count() AS sessions,
    quantileExact(0.5)(duration_seconds) AS median_seconds,
    countIf(events <= 1) / count() AS bounce_rate
FROM analytics.sessions
GROUP BY day, project;

CREATE OR REPLACE VIEW analytics.endpoint_errors {on_cluster} AS
SELECT
    toStartOfMinute(window_start) AS minute,
    project,
    service,
    method,
    route,
    sum(w.requests) AS requests,
    sum(w.client_errors) AS client_errors,
    sum(w.server_errors) AS server_errors,
    sum(w.exceptions) AS exceptions,
    if(requests > 0, server_errors / requests, 0) AS error_rate
FROM (SELECT * FROM tidegate.error_rates FINAL) AS w
GROUP BY minute, project, service, method, route;

CREATE OR REPLACE VIEW analytics.endpoint_latency {on_cluster} AS
SELECT
    toStartOfMinute(window_start) AS minute,
    project,
    service,
    method,
    route,
    sum(w.count) AS requests,
    sumMap(w.buckets, w.bucket_counts) AS sketch,
    tidegateQuantile(sketch, 0.5) AS p50,
    tidegateQuantile(sketch, 0.95) AS p95,
    tidegateQuantile(sketch, 0.99) AS p99
FROM (SELECT * FROM tidegate.latencies FINAL) AS w
WHERE operation = 'request'
GROUP BY minute, project, service, method, route;

CREATE OR REPLACE VIEW analytics.query_performance {on_cluster} AS
SELECT
    toStartOfMinute(window_start) AS minute,
    project,
    service,
    db_system,
    statement,
    sum(w.count) AS calls,
    sumMap(w.buckets, w.bucket_counts) AS sketch,
    tidegateQuantile(sketch, 0.5) AS p50,
    tidegateQuantile(sketch, 0.95) AS p95,
    tidegateQuantile(sketch, 0.99) AS p99
FROM (SELECT * FROM tidegate.latencies FINAL) AS w
WHERE operation = 'query'
GROUP BY minute, project, service, db_system, statement;

-- An endpoint's state over its last five minutes:
--   no data   nothing came for five minutes from an endpoint that was used within a day
--   down      at least half of 5 or more requests failed with 5xx
--   degraded  more than 5 % of 20 or more requests failed with 5xx, or their p95 is above 2 s
--   ok        anything else
-- `since`: the first minute of the current stretch of minutes that fail more (or not more) than 5 % of their requests.
CREATE OR REPLACE VIEW analytics.endpoint_health {on_cluster} AS
WITH
    now() - INTERVAL 5 MINUTE AS recent
SELECT
    e.project AS project,
    e.service AS service,
    e.method AS method,
    e.route AS route,
    multiIf(
        e.requests = 0, 'no data',
        e.requests >= 5 AND e.server_errors >= 0.5 * e.requests, 'down',
        e.requests >= 20 AND e.server_errors > 0.05 * e.requests, 'degraded',
        e.requests >= 20 AND l.p95 > 2, 'degraded',
        'ok') AS state,
    multiIf(
        e.requests = 0, concat('last request at ', formatDateTime(e.last_at, '%F %T'), ' UTC'),
        e.requests >= 5 AND e.server_errors > 0.05 * e.requests,
            concat(toString(round(100 * e.server_errors / e.requests, 1)), ' % of ', toString(round(e.requests)), ' requests failed'),
        e.requests >= 20 AND l.p95 > 2, concat('p95 is ', toString(round(l.p95, 2)), ' s'),
        concat(toString(round(e.requests)), ' requests in 5 minutes')) AS reason,
    if(e.requests = 0, e.last_at, e.since) AS since,
    e.requests AS requests,
    e.server_errors AS server_errors,
    l.p95 AS p95
FROM
(
    SELECT
        project,
        service,
        method,
        route,
        sumIf(w.requests, w.minute >= recent) AS requests,
        sumIf(w.server_errors, w.minute >= recent) AS server_errors,
        max(w.minute) AS last_at,
        maxIf(w.minute, w.failing != w.failing_before) AS since
    FROM
    (
        SELECT
            *,
            m.server_errors > 0.05 * m.requests AS failing,
            lagInFrame(failing, 1, 2) OVER (
                PARTITION BY project, service, method, route ORDER BY minute
                ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS failing_before
        FROM analytics.endpoint_errors AS m
        WHERE minute >= now() - INTERVAL 1 DAY AND m.requests > 0
    ) AS w
    GROUP BY project, service, method, route
) AS e
LEFT JOIN
(
    SELECT project, service, method, route,
        tidegateQuantile(sumMap(w.buckets, w.bucket_counts), 0.95) AS p95
    FROM (SELECT * FROM tidegate.latencies FINAL) AS w
    WHERE operation = 'request' AND window_start >= recent
    GROUP BY project, service, method, route
) AS l ON e.project = l.project AND e.service = l.service AND e.method = l.method AND e.route = l.route;

-- OpenTelemetry's names, those of the stable conventions and those of the older ones.
CREATE OR REPLACE VIEW analytics.pool_use {on_cluster} AS
SELECT
    toStartOfMinute(window_start) AS minute,
    project,
    service,
    pool,
    maxIf(w.max_value, is_count AND connection_state = 'used') AS used,
    maxIf(w.max_value, is_count AND connection_state = 'idle') AS idle,
    maxIf(w.max_value, NOT is_count) AS max
FROM
(
    SELECT
        *,
        name IN ('db.client.connection.count', 'db.client.connections.usage') AS is_count,
        JSONExtract(attributes, 'Map(String, String)') AS labels,
        coalesce(nullIf(labels['db.client.connection.pool.name'], ''), labels['pool.name']) AS pool,
        coalesce(nullIf(labels['db.client.connection.state'], ''), labels['state']) AS connection_state
    FROM analytics.metric_windows
    WHERE name IN ('db.client.connection.count', 'db.client.connections.usage', 'db.client.connection.max', 'db.client.connections.max')
) AS w
GROUP BY minute, project, service, pool;

CREATE OR REPLACE VIEW analytics.resources {on_cluster} AS
SELECT
    toStartOfMinute(window_start) AS minute,
    project,
    service,
    avgIf(w.sum_value / w.count_value, name IN ('process.cpu.utilization', 'system.cpu.utilization')) AS cpu_utilization,
    maxIf(w.last_value, name IN ('process.memory.usage', 'process.memory.rss')) AS memory_bytes
FROM analytics.metric_windows AS w
WHERE name IN ('process.cpu.utilization', 'system.cpu.utilization', 'process.memory.usage', 'process.memory.rss')
    AND w.count_value > 0
GROUP BY minute, project, service;

CREATE OR REPLACE VIEW analytics.agent_use {on_cluster} AS
SELECT
    toDate(occurred_at) AS day,
    project,
    agent,
    sumIf(1 / sample_rate, name = 'agent_installed') AS installs,
    sumIf(1 / sample_rate, name = 'agent_run') AS runs,
    sumIf(1 / sample_rate, name = 'agent_run' AND failed) AS failures,
    uniqExact(person) AS persons
FROM analytics.events
WHERE agent != ''
GROUP BY day, project, agent;

CREATE OR REPLACE VIEW analytics.issues {on_cluster} AS
SELECT
    project,
    if(fingerprint != '', fingerprint, hex(cityHash64(name, route, if(stack IN ('', '[]'), message, JSONExtractString(stack, -1, 'function'))))) AS fingerprint_key,
    any(name) AS title,
    any(route) AS culprit,
    sum(1 / sample_rate) AS events,
    uniqExactIf(person, person != '') AS persons,
    min(occurred_at) AS first_seen,
    max(occurred_at) AS last_seen,
    arraySort(groupUniqArray(release)) AS releases
FROM analytics.errors
GROUP BY project, fingerprint_key;

-- For every producer and minute of receipt: what became of its events.
CREATE OR REPLACE VIEW analytics.ledger {on_cluster} AS
SELECT
    project,
    producer_id,
    minute,
    sum(s.stored) AS stored,
    sum(s.dropped) AS dropped,
    sum(s.dead_lettered) AS dead_lettered
FROM
(
    SELECT project, producer_id, toStartOfMinute(received_at) AS minute, count() AS stored, 0 AS dropped, 0 AS dead_lettered
    FROM tidegate.events_track FINAL GROUP BY project, producer_id, minute
    UNION ALL
    SELECT project, producer_id, toStartOfMinute(received_at) AS minute, count(), 0, 0
    FROM tidegate.events_error FINAL GROUP BY project, producer_id, minute
    UNION ALL
    SELECT project, producer_id, toStartOfMinute(received_at) AS minute, count(), 0, 0
    FROM tidegate.events_span FINAL GROUP BY project, producer_id, minute
    UNION ALL
    SELECT project, producer_id, toStartOfMinute(received_at) AS minute, count(), 0, 0
    FROM tidegate.events_metric FINAL GROUP BY project, producer_id, minute
    UNION ALL
    SELECT project, producer_id, minute, 0, sumIf(quantity, outcome = 'dropped'), sumIf(quantity, outcome = 'dead_lettered')
    FROM tidegate.outcomes FINAL GROUP BY project, producer_id, minute
) AS s
GROUP BY project, producer_id, minute;

-- For every producer that numbers its events: how many it sent (its highest number seen), what became of them, and how many
-- are in flight or missing. A producer numbers across projects. A gap shows once a later event has arrived.
CREATE OR REPLACE VIEW analytics.producers {on_cluster} AS
SELECT
    producer_id,
    max(p.last_sequence) AS sent,
    sum(p.stored) AS stored,
    sum(p.dropped) AS dropped,
    sum(p.dead_lettered) AS dead_lettered,
    toInt64(sent) - stored - dropped - dead_lettered AS unaccounted
FROM
(
    SELECT producer_id, max(sequence) AS last_sequence, count() AS stored, 0 AS dropped, 0 AS dead_lettered
    FROM tidegate.events_track FINAL WHERE sequence > 0 GROUP BY producer_id
    UNION ALL
    SELECT producer_id, max(sequence), count(), 0, 0
    FROM tidegate.events_error FINAL WHERE sequence > 0 GROUP BY producer_id
    UNION ALL
    SELECT producer_id, max(sequence), count(), 0, 0
    FROM tidegate.events_span FINAL WHERE sequence > 0 GROUP BY producer_id
    UNION ALL
    SELECT producer_id, max(sequence), count(), 0, 0
    FROM tidegate.events_metric FINAL WHERE sequence > 0 GROUP BY producer_id
    UNION ALL
    SELECT producer_id, 0, 0, toUInt64(sumIf(quantity, outcome = 'dropped')), toUInt64(sumIf(quantity, outcome = 'dead_lettered'))
    FROM tidegate.outcomes FINAL WHERE reporter != 'gateway' GROUP BY producer_id
) AS p
GROUP BY producer_id;
