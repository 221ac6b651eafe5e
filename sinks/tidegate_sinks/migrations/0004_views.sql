-- The SQL contract, part one: the tables behind it, deduplicated, partial rows added up, persons resolved.
-- Names and columns of analytics.* are a promise to those who query; what is behind them is not.

CREATE DATABASE IF NOT EXISTS analytics {on_cluster};

-- The q-quantile of a sketch: the estimate of the first bucket at which the cumulated count reaches q of the total.
CREATE FUNCTION IF NOT EXISTS tidegateQuantile {on_cluster} AS (sketch, q) ->
    2 * pow(1.01 / 0.99, sketch.1[greatest(1, arrayFirstIndex(seen -> seen >= q * arraySum(sketch.2), arrayCumSum(sketch.2)))])
    / (1.01 / 0.99 + 1);

CREATE OR REPLACE VIEW analytics.identities {on_cluster} AS
SELECT project, visitor, user, min(first_seen) AS first_seen
FROM tidegate.identities FINAL
GROUP BY project, visitor, user;

-- The first user linked to each visitor: what the visits before a log-in count for.
CREATE OR REPLACE VIEW analytics.visitors {on_cluster} AS
SELECT project, visitor, argMin(user, (first_seen, user)) AS first_user
FROM analytics.identities
GROUP BY project, visitor;

CREATE OR REPLACE VIEW analytics.events {on_cluster} AS
SELECT
    e.*,
    multiIf(e.user != '', e.user, v.first_user != '', v.first_user, e.visitor) AS person
FROM (SELECT * EXCEPT (version) FROM tidegate.events_track FINAL) AS e
LEFT JOIN analytics.visitors AS v ON e.project = v.project AND e.visitor = v.visitor;

CREATE OR REPLACE VIEW analytics.errors {on_cluster} AS
SELECT
    e.*,
    multiIf(e.user != '', e.user, v.first_user != '', v.first_user, e.visitor) AS person
FROM (SELECT * EXCEPT (version) FROM tidegate.events_error FINAL) AS e
LEFT JOIN analytics.visitors AS v ON e.project = v.project AND e.visitor = v.visitor;

CREATE OR REPLACE VIEW analytics.spans {on_cluster} AS
SELECT * EXCEPT (version)
FROM tidegate.events_span FINAL;

CREATE OR REPLACE VIEW analytics.metrics {on_cluster} AS
SELECT * EXCEPT (version)
FROM tidegate.events_metric FINAL;

CREATE OR REPLACE VIEW analytics.dead_letters {on_cluster} AS
SELECT * EXCEPT (version, payload)
FROM tidegate.dead_letters FINAL;

CREATE OR REPLACE VIEW analytics.outcomes {on_cluster} AS
SELECT * EXCEPT (version)
FROM tidegate.outcomes FINAL;

-- Errors join the session that was open when they happened: by visitor and time.
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
LEFT JOIN analytics.visitors AS v ON s.project = v.project AND s.visitor = v.visitor;

CREATE OR REPLACE VIEW analytics.session_errors {on_cluster} AS
SELECT
    s.project AS project,
    s.visitor AS visitor,
    s.source_partition AS source_partition,
    s.first_offset AS first_offset,
    s.started_at AS started_at,
    sum(1 / e.sample_rate) AS errors
FROM (SELECT * FROM tidegate.sessions FINAL) AS s
INNER JOIN (SELECT project, visitor, occurred_at, sample_rate FROM tidegate.events_error FINAL WHERE visitor != '') AS e
    ON s.project = e.project AND s.visitor = e.visitor
WHERE e.occurred_at >= s.started_at AND e.occurred_at <= s.ended_at + INTERVAL 30 MINUTE
GROUP BY project, visitor, source_partition, first_offset, started_at;

CREATE OR REPLACE VIEW analytics.error_rates {on_cluster} AS
SELECT
    window_start, project, environment, release, service, route, method,
    sum(requests) AS requests,
    sum(client_errors) AS client_errors,
    sum(server_errors) AS server_errors,
    sum(exceptions) AS exceptions,
    if(requests > 0, server_errors / requests, 0) AS error_rate,
    sum(revision) AS revision,
    min(final) AS final
FROM (SELECT * FROM tidegate.error_rates FINAL)
GROUP BY window_start, project, environment, release, service, route, method;

CREATE OR REPLACE VIEW analytics.latencies {on_cluster} AS
SELECT
    window_start, project, environment, release, service, route, method, operation, statement, db_system,
    sum(count) AS count,
    sum(sum_seconds) AS sum_seconds,
    min(min_seconds) AS min_seconds,
    max(max_seconds) AS max_seconds,
    sumMap(buckets, bucket_counts) AS sketch,
    tidegateQuantile(sketch, 0.5) AS p50_seconds,
    tidegateQuantile(sketch, 0.95) AS p95_seconds,
    tidegateQuantile(sketch, 0.99) AS p99_seconds,
    sum(revision) AS revision,
    min(final) AS final
FROM (SELECT * FROM tidegate.latencies FINAL)
GROUP BY window_start, project, environment, release, service, route, method, operation, statement, db_system;

CREATE OR REPLACE VIEW analytics.metric_windows {on_cluster} AS
SELECT
    window_start, project, environment, service, name, instrument, unit, attributes,
    min(min) AS min_value,
    max(max) AS max_value,
    argMax(last, last_at) AS last_value,
    sum(sum) AS sum_value,
    sum(count) AS count_value,
    sum(increase) AS increase_value,
    sumMap(buckets, bucket_counts) AS sketch,
    sum(revision) AS revisions,
    min(final) AS is_final
FROM (SELECT * FROM tidegate.metric_windows FINAL)
GROUP BY window_start, project, environment, service, name, instrument, unit, attributes;

CREATE OR REPLACE VIEW analytics.activity {on_cluster} AS
SELECT
    a.window_start AS window_start,
    a.project AS project,
    a.visitor AS visitor,
    a.user AS user,
    multiIf(a.user != '', a.user, v.first_user != '', v.first_user, a.visitor) AS person,
    a.events AS events,
    a.features AS features,
    a.cookieless AS cookieless
FROM
(
    SELECT window_start, project, visitor, user, sum(f.events) AS events, groupUniqArrayArray(f.features) AS features,
        max(f.cookieless) AS cookieless
    FROM (SELECT * FROM tidegate.activity FINAL) AS f
    GROUP BY window_start, project, visitor, user
) AS a
LEFT JOIN analytics.visitors AS v ON a.project = v.project AND a.visitor = v.visitor;

CREATE OR REPLACE VIEW analytics.usage {on_cluster} AS
SELECT window_start, project, event, feature, agent, sum(f.count) AS count, sum(f.failures) AS failures
FROM (SELECT * FROM tidegate.usage FINAL) AS f
GROUP BY window_start, project, event, feature, agent;
