-- The SQL contract, part three: units in the names of all durations, the same names for the same things everywhere,
-- errors in sessions, and a comment that says what a row of each view is.

-- Which process a metric's total comes from.
ALTER TABLE tidegate.events_metric {on_cluster}
    ADD COLUMN IF NOT EXISTS `instance` String
    COMMENT 'Pseudonym of the process that counts; empty where it isn\'t said.'
    AFTER `bucket_counts`;

ALTER TABLE tidegate.dead_letters {on_cluster}
    COMMENT COLUMN `payload` 'The payload in a sealed box (X25519, XSalsa20-Poly1305); empty where it is larger than a record may be.';

CREATE OR REPLACE VIEW analytics.metrics {on_cluster} AS
SELECT * EXCEPT (version)
FROM tidegate.events_metric FINAL;

CREATE OR REPLACE VIEW analytics.metric_windows {on_cluster} AS
SELECT
    w.window_start AS window_start,
    w.project AS project,
    w.environment AS environment,
    w.service AS service,
    w.name AS name,
    w.instrument AS instrument,
    w.unit AS unit,
    w.attributes AS attributes,
    min(w.min) AS min,
    max(w.max) AS max,
    argMax(w.last, w.last_at) AS last,
    sum(w.sum) AS sum,
    sum(w.count) AS count,
    sum(w.increase) AS increase,
    sumMap(w.buckets, w.bucket_counts) AS sketch,
    sum(w.revision) AS revision,
    min(w.final) AS final
FROM (SELECT * FROM tidegate.metric_windows FINAL) AS w
GROUP BY window_start, project, environment, service, name, instrument, unit, attributes;

-- OpenTelemetry's names, those of the stable conventions and those of the older ones.
CREATE OR REPLACE VIEW analytics.pool_use {on_cluster} AS
SELECT
    toStartOfMinute(window_start) AS minute,
    project,
    service,
    pool,
    maxIf(w.max, is_count AND connection_state = 'used') AS used,
    maxIf(w.max, is_count AND connection_state = 'idle') AS idle,
    maxIf(w.max, NOT is_count) AS max
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
    avgIf(w.sum / w.count, name IN ('process.cpu.utilization', 'system.cpu.utilization')) AS cpu_utilization,
    maxIf(w.last, name IN ('process.memory.usage', 'process.memory.rss')) AS memory_bytes
FROM analytics.metric_windows AS w
WHERE name IN ('process.cpu.utilization', 'system.cpu.utilization', 'process.memory.usage', 'process.memory.rss')
    AND w.count > 0
GROUP BY minute, project, service;

-- Errors join the session that was open when they happened, or had ended less than its gap before: by visitor and time.
CREATE OR REPLACE VIEW analytics.sessions {on_cluster} AS
SELECT
    s.project AS project,
    s.visitor AS visitor,
    multiIf(s.user != '', s.user, v.first_user != '', v.first_user, s.visitor) AS person,
    s.user AS user,
    s.started_at AS started_at,
    s.ended_at AS ended_at,
    dateDiff('millisecond', s.started_at, s.ended_at) / 1000 AS duration_seconds,
    s.pageviews AS pageviews,
    s.events AS events,
    e.errors AS errors,
    s.features AS features,
    s.entry_url AS entry_url,
    s.exit_url AS exit_url,
    s.release AS release,
    s.environment AS environment,
    s.source_partition AS source_partition,
    s.first_offset AS first_offset,
    s.revision AS revision,
    s.final AS final
FROM (SELECT * FROM tidegate.sessions FINAL) AS s
LEFT JOIN analytics.visitors AS v ON s.project = v.project AND s.visitor = v.visitor
LEFT JOIN
(
    SELECT o.project AS project, o.visitor AS visitor, o.source_partition AS source_partition,
        o.first_offset AS first_offset, sum(1 / x.sample_rate) AS errors
    FROM (SELECT * FROM tidegate.sessions FINAL) AS o
    INNER JOIN
    (
        SELECT project, visitor, occurred_at, sample_rate FROM tidegate.events_error FINAL WHERE visitor != ''
    ) AS x ON o.project = x.project AND o.visitor = x.visitor
    WHERE x.occurred_at >= o.started_at AND x.occurred_at <= o.ended_at + INTERVAL 30 MINUTE
    GROUP BY project, visitor, source_partition, first_offset
) AS e ON s.project = e.project AND s.visitor = e.visitor
    AND s.source_partition = e.source_partition AND s.first_offset = e.first_offset;

DROP VIEW IF EXISTS analytics.session_errors {on_cluster};

CREATE OR REPLACE VIEW analytics.sessions_daily {on_cluster} AS
SELECT
    toDate(s.started_at) AS day,
    s.project AS project,
    count() AS sessions,
    quantileExact(0.5)(dateDiff('millisecond', s.started_at, s.ended_at) / 1000) AS median_seconds,
    countIf(s.events <= 1) / count() AS bounce_rate
FROM (SELECT * FROM tidegate.sessions FINAL) AS s
GROUP BY day, project;

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
    tidegateQuantile(sketch, 0.99) AS p99_seconds
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
    tidegateQuantile(sketch, 0.5) AS p50_seconds,
    tidegateQuantile(sketch, 0.95) AS p95_seconds,
    tidegateQuantile(sketch, 0.99) AS p99_seconds
FROM (SELECT * FROM tidegate.latencies FINAL) AS w
WHERE operation = 'query'
GROUP BY minute, project, service, db_system, statement;

-- An endpoint's state over its last five minutes:
--   no data   nothing came for five minutes from an endpoint that was used within a day
--   down      at least half of 5 or more requests failed with 5xx
--   degraded  more than 5 % of 20 or more requests failed with 5xx, or their p95 is above 2 s
--   ok        anything else
-- `since`: the first minute from which on each minute with requests, judged by its failures together with the four before
-- it, was in this state; the last minute with requests for `no data`, the start of the five minutes for one that is slow.
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
        e.requests >= 20 AND l.p95_seconds > 2, 'degraded',
        'ok') AS state,
    multiIf(
        e.requests = 0, concat('last request at ', formatDateTime(e.last_at, '%F %T'), ' UTC'),
        e.requests >= 5 AND e.server_errors > 0.05 * e.requests,
            concat(toString(round(100 * e.server_errors / e.requests, 1)), ' % of ', toString(round(e.requests)), ' requests failed'),
        e.requests >= 20 AND l.p95_seconds > 2, concat('p95 is ', toString(round(l.p95_seconds, 2)), ' s'),
        concat(toString(round(e.requests)), ' requests in 5 minutes')) AS reason,
    multiIf(
        e.requests = 0, e.last_at,
        state != e.last_state, if(state = 'degraded', toStartOfMinute(recent), e.last_at),
        e.since) AS since,
    e.requests AS requests,
    e.server_errors AS server_errors,
    l.p95_seconds AS p95_seconds
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
        argMax(w.judged, w.minute) AS last_state,
        maxIf(w.minute, w.judged != w.judged_before) AS since
    FROM
    (
        SELECT
            *,
            lagInFrame(judged, 1, '') OVER (
                PARTITION BY project, service, method, route ORDER BY minute
                ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS judged_before
        FROM
        (
            SELECT
                m.project AS project,
                m.service AS service,
                m.method AS method,
                m.route AS route,
                m.minute AS minute,
                m.requests AS requests,
                m.server_errors AS server_errors,
                sum(m.requests) OVER five AS near_requests,
                sum(m.server_errors) OVER five AS near_errors,
                multiIf(
                    near_requests >= 5 AND near_errors >= 0.5 * near_requests, 'down',
                    near_requests >= 20 AND near_errors > 0.05 * near_requests, 'degraded',
                    'ok') AS judged
            FROM analytics.endpoint_errors AS m
            WHERE m.minute >= now() - INTERVAL 1 DAY AND m.requests > 0
            WINDOW five AS (
                PARTITION BY m.project, m.service, m.method, m.route ORDER BY m.minute
                RANGE BETWEEN 240 PRECEDING AND CURRENT ROW)
        )
    ) AS w
    GROUP BY project, service, method, route
) AS e
LEFT JOIN
(
    SELECT project, service, method, route,
        tidegateQuantile(sumMap(w.buckets, w.bucket_counts), 0.95) AS p95_seconds
    FROM (SELECT * FROM tidegate.latencies FINAL) AS w
    WHERE operation = 'request' AND window_start >= recent
    GROUP BY project, service, method, route
) AS l ON e.project = l.project AND e.service = l.service AND e.method = l.method AND e.route = l.route;

-- Errors without a fingerprint of their sender's are grouped by type, route and the function that raised.
CREATE OR REPLACE VIEW analytics.issues {on_cluster} AS
SELECT
    e.project AS project,
    if(e.fingerprint != '', e.fingerprint, hex(cityHash64(e.name, e.route,
        if(e.stack IN ('', '[]'), e.message, JSONExtractString(e.stack, -1, 'function'))))) AS fingerprint,
    any(e.name) AS title,
    any(e.route) AS culprit,
    sum(1 / e.sample_rate) AS events,
    uniqExactIf(e.person, e.person != '') AS persons,
    min(e.occurred_at) AS first_seen,
    max(e.occurred_at) AS last_seen,
    arraySort(groupUniqArray(e.release)) AS releases
FROM analytics.errors AS e
GROUP BY project, fingerprint;

ALTER TABLE analytics.activity {on_cluster} MODIFY COMMENT 'One row a visitor, signed-in user and quarter of an hour: events and features used. A day of any time zone is a range of rows.';
ALTER TABLE analytics.agent_use {on_cluster} MODIFY COMMENT 'One row an agent and day (UTC): installs, runs, failed runs, and the persons behind them.';
ALTER TABLE analytics.dau {on_cluster} MODIFY COMMENT 'One row a day (UTC): persons who were active.';
ALTER TABLE analytics.dead_letters {on_cluster} MODIFY COMMENT 'One row a record that could not become an event, with its reason. Payloads are sealed and not shown.';
ALTER TABLE analytics.endpoint_errors {on_cluster} MODIFY COMMENT 'One row an endpoint and minute: requests, failures, exceptions.';
ALTER TABLE analytics.endpoint_health {on_cluster} MODIFY COMMENT 'One row an endpoint: ok, degraded, down or no data over the last five minutes, why, and since when.';
ALTER TABLE analytics.endpoint_latency {on_cluster} MODIFY COMMENT 'One row an endpoint and minute: latency percentiles of its requests, within 1 %. Merge sketches with sumMap(sketch), read them with tidegateQuantile(sketch, q).';
ALTER TABLE analytics.error_rates {on_cluster} MODIFY COMMENT 'One row a release, endpoint and ten seconds: requests, client and server errors, exceptions.';
ALTER TABLE analytics.errors {on_cluster} MODIFY COMMENT 'One row an exception.';
ALTER TABLE analytics.events {on_cluster} MODIFY COMMENT 'One row a product event: track, page, screen, identify, group, alias.';
ALTER TABLE analytics.identities {on_cluster} MODIFY COMMENT 'One row a visitor and user who were seen together, and when first.';
ALTER TABLE analytics.issues {on_cluster} MODIFY COMMENT 'One row a group of like exceptions: how many, how many persons, first and last seen, releases.';
ALTER TABLE analytics.latencies {on_cluster} MODIFY COMMENT 'One row a release, operation and ten seconds: count, sum, extremes and percentiles of durations.';
ALTER TABLE analytics.ledger {on_cluster} MODIFY COMMENT 'One row a producer and minute of receipt: events stored, dropped and dead-lettered.';
ALTER TABLE analytics.mau {on_cluster} MODIFY COMMENT 'One row a calendar month (UTC): persons who were active, visitors without a lasting id left out.';
ALTER TABLE analytics.metric_windows {on_cluster} MODIFY COMMENT 'One row a series and ten seconds: extremes, last, sum and count of its values, increase of a counter, sketch of a histogram.';
ALTER TABLE analytics.metrics {on_cluster} MODIFY COMMENT 'One row a point of a metric, as it was sent.';
ALTER TABLE analytics.outcomes {on_cluster} MODIFY COMMENT 'One row a report of events that were dropped or dead-lettered, by reason.';
ALTER TABLE analytics.pool_use {on_cluster} MODIFY COMMENT 'One row a connection pool and minute: most connections used and idle, and how many there may be.';
ALTER TABLE analytics.producers {on_cluster} MODIFY COMMENT 'One row a producer that numbers its events: sent, stored, dropped, dead-lettered, and what is left over (in flight or missing).';
ALTER TABLE analytics.query_performance {on_cluster} MODIFY COMMENT 'One row a statement summary and minute: calls and latency percentiles of database queries, within 1 %.';
ALTER TABLE analytics.resources {on_cluster} MODIFY COMMENT 'One row a service and minute: CPU utilization (a share, as the sender measures it) and memory in use.';
ALTER TABLE analytics.sessions {on_cluster} MODIFY COMMENT 'One row a session: a visitor\'s track events with no gap of 30 minutes, for 24 hours at most, and the errors in it.';
ALTER TABLE analytics.sessions_daily {on_cluster} MODIFY COMMENT 'One row a day (UTC): sessions that began, their median duration, and the share with a single event.';
ALTER TABLE analytics.spans {on_cluster} MODIFY COMMENT 'One row a timed operation: a request, a database query, or any other.';
ALTER TABLE analytics.usage {on_cluster} MODIFY COMMENT 'One row an event name, feature, agent and quarter of an hour: how often, and how often it failed.';
ALTER TABLE analytics.visitors {on_cluster} MODIFY COMMENT 'One row a visitor who ever signed in: the first user it was linked to.';
