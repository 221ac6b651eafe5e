-- Erasures: who was erased is known by marks only, hashes of their pseudonyms; what is left of their events are stubs, which
-- count where nobody is counted, and show up nowhere else.

-- As tidegate_stream.erasure.mark. Statements that change rows are kept on disk for a while: with marks they name nobody.
CREATE FUNCTION IF NOT EXISTS tidegateErasureMark {on_cluster} AS (project, pseudonym) ->
    lower(hex(substring(SHA256(concat('tidegate erasure', char(0), project, char(0), pseudonym)), 1, 16)));

CREATE TABLE IF NOT EXISTS tidegate.erasures {on_cluster}
(
    `receipt_id` String COMMENT 'Identity of the erasure, a UUID.',
    `project` LowCardinality(String) COMMENT 'Project.',
    `stage` LowCardinality(String) COMMENT 'waiting (for a second person), refused, requested, logically erased or physically erased.',
    `asked_from` LowCardinality(String) COMMENT 'Where it was asked for: command or dashboard.',
    `requested_by` String COMMENT 'Name of the operator who asked; empty for the command.',
    `confirmed_by` String COMMENT 'Name of the operator who confirmed or refused; empty where nobody had to.',
    `requested_at` DateTime64(6, 'UTC') COMMENT 'What happened or was received up to then is erased, UTC.',
    `logically_erased_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'Since when no query, rebuild or replay gives anything of it, UTC; null: not yet.',
    `physically_erased_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'Since when no file holds anything of it, UTC; null: not yet.',
    `expected_by` Nullable(DateTime64(6, 'UTC')) COMMENT 'When the last copy in Kafka\'s log will have gone by its retention, UTC.',
    `erased_events` UInt64 COMMENT 'Events that were erased.',
    `row_counts` Map(String, UInt64) COMMENT 'Rows by table that were emptied or deleted.',
    `bytes_scanned` UInt64 COMMENT 'Bytes that were looked through for what should be gone: of tables and, where they are on this machine, of files.',
    `positions` Map(String, Int64) COMMENT 'Where the erasure stands in the clean topics: offset by topic/partition.',
    `marks` Array(String) COMMENT 'Hashes of the pseudonyms.',
    `version` UInt64 COMMENT 'Time of writing in microseconds; the highest wins.'
)
ENGINE = {engine}ReplacingMergeTree(version)
ORDER BY (project, receipt_id)
COMMENT 'Receipts of erasures.';

CREATE OR REPLACE VIEW analytics.erasures {on_cluster} AS
SELECT * EXCEPT (marks, positions, version), length(marks) AS pseudonyms
FROM tidegate.erasures FINAL;

ALTER TABLE analytics.erasures {on_cluster} MODIFY COMMENT 'One row an erasure: when it was asked for and done, and how much went. It does not say whose.';

CREATE OR REPLACE VIEW analytics.events {on_cluster} AS
SELECT
    e.*,
    if(p.person != '', p.person, if(e.user != '', e.user, e.visitor)) AS person,
    startsWith(e.visitor, 'day-') AS cookieless
FROM (SELECT * EXCEPT (version) FROM tidegate.events_track FINAL WHERE consent != 'erased') AS e
LEFT JOIN analytics.persons AS p
    ON e.project = p.project AND (e.user != '') = p.is_user AND if(e.user != '', e.user, e.visitor) = p.pseudonym;

CREATE OR REPLACE VIEW analytics.errors {on_cluster} AS
SELECT
    e.*,
    if(p.person != '', p.person, if(e.user != '', e.user, e.visitor)) AS person,
    startsWith(e.visitor, 'day-') AS cookieless
FROM (SELECT * EXCEPT (version) FROM tidegate.events_error FINAL WHERE consent != 'erased') AS e
LEFT JOIN analytics.persons AS p
    ON e.project = p.project AND (e.user != '') = p.is_user AND if(e.user != '', e.user, e.visitor) = p.pseudonym;

CREATE OR REPLACE VIEW analytics.spans {on_cluster} AS
SELECT * EXCEPT (version)
FROM tidegate.events_span FINAL
WHERE consent != 'erased';

CREATE OR REPLACE VIEW analytics.metrics {on_cluster} AS
SELECT * EXCEPT (version)
FROM tidegate.events_metric FINAL
WHERE consent != 'erased';

CREATE OR REPLACE VIEW analytics.logs {on_cluster} AS
SELECT * EXCEPT (version)
FROM tidegate.events_log FINAL
WHERE consent != 'erased';

CREATE OR REPLACE VIEW analytics.check_ins {on_cluster} AS
SELECT project, environment, release, name AS monitor, session AS check_in, state AS job_state, occurred_at, duration_seconds, properties
FROM tidegate.events_health FINAL
WHERE report = 'check_in' AND consent != 'erased';

CREATE OR REPLACE VIEW analytics.feedback {on_cluster} AS
SELECT project, environment, release, event_id, occurred_at, user, message AS text, error_id, url, trace_id, properties
FROM tidegate.events_health FINAL
WHERE report = 'feedback' AND consent != 'erased';

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
    SELECT occurred_at, project, 'track' AS kind, sample_rate FROM tidegate.events_track FINAL WHERE consent != 'erased'
    UNION ALL SELECT occurred_at, project, 'error', sample_rate FROM tidegate.events_error FINAL WHERE consent != 'erased'
    UNION ALL SELECT occurred_at, project, 'span', sample_rate FROM tidegate.events_span FINAL WHERE consent != 'erased'
    UNION ALL SELECT occurred_at, project, 'metric', sample_rate FROM tidegate.events_metric FINAL WHERE consent != 'erased'
    UNION ALL SELECT occurred_at, project, 'log', sample_rate FROM tidegate.events_log FINAL WHERE consent != 'erased'
    UNION ALL SELECT occurred_at, project, 'health', sample_rate FROM tidegate.events_health FINAL WHERE consent != 'erased'
) AS e
GROUP BY day, project, kind;

ALTER TABLE analytics.sampling {on_cluster} MODIFY COMMENT 'One row a day (UTC) and kind: events that were kept, and for how many they stand. Where lowest_rate is below 1, counts are estimates, and persons and sessions are those that were kept.';

ALTER TABLE analytics.events {on_cluster} MODIFY COMMENT 'One row a product event: track, page, screen, identify, group, alias.';
ALTER TABLE analytics.errors {on_cluster} MODIFY COMMENT 'One row an exception.';
ALTER TABLE analytics.spans {on_cluster} MODIFY COMMENT 'One row a timed operation: a request, a database query, or any other.';
ALTER TABLE analytics.metrics {on_cluster} MODIFY COMMENT 'One row a point of a metric, as it was sent.';
ALTER TABLE analytics.logs {on_cluster} MODIFY COMMENT 'One row a log record.';
ALTER TABLE analytics.check_ins {on_cluster} MODIFY COMMENT 'One row a check-in report of a scheduled job; reports of one run share check_in.';
ALTER TABLE analytics.feedback {on_cluster} MODIFY COMMENT 'One row a message that a user sent about the application, or about one of its errors.';
ALTER TABLE analytics.sampling {on_cluster} MODIFY COMMENT 'One row a day (UTC) and kind: events that were kept, and for how many they stand. Where lowest_rate is below 1, counts are estimates, and persons and sessions are those that were kept.';

ALTER TABLE tidegate.outcomes {on_cluster}
    COMMENT COLUMN `reporter` 'Who counted: gate, gateway, sdk, browser, kafka or erasure.';
