-- How releases fare, as their clients report it: sessions and how they ended, check-ins of scheduled jobs, feedback of users.

CREATE TABLE IF NOT EXISTS tidegate.events_health {on_cluster}
(
    `event_id` UUID COMMENT 'Identity of the event: a UUIDv7 minted where it is born, or derived from the foreign protocol\'s own id, in canonical text. A retry has the same one.',
    `producer_id` String COMMENT 'Who numbered the event: one per SDK process, browser page or gateway process; random, never derived from a person or a device.',
    `sequence` Int64 COMMENT 'The producer\'s own counter, from 1 without gaps: the basis of the ledger. 0 where the sender doesn\'t number.',
    `project` LowCardinality(String) COMMENT 'Project that the write key belongs to.',
    `environment` LowCardinality(String) COMMENT 'Deployment environment, such as production or staging; empty if not said.',
    `release` LowCardinality(String) COMMENT 'Version of the application; empty if not said.',
    `service` LowCardinality(String) COMMENT 'Service that emitted the event; empty if not said.',
    `name` String COMMENT 'Slug of a check-in\'s monitor; else the report again.',
    `occurred_at` DateTime64(6, 'UTC') COMMENT 'When it happened, corrected for the client\'s clock skew, UTC. For a span or a session: when it began.',
    `received_at` DateTime64(6, 'UTC') COMMENT 'When our edge took it: the SDK\'s publish call or the gateway\'s receipt, UTC.',
    `sample_rate` Float64 COMMENT 'Share of such events that the sender kept, in (0, 1]; each counts 1/sample_rate times.',
    `consent` LowCardinality(String) COMMENT 'granted, anonymous, denied or unknown.',
    `user` String COMMENT 'Pseudonym of the signed-in user; empty for none.',
    `visitor` String COMMENT 'Pseudonym of the device, or of the user where no device is known; empty for none.',
    `session` String COMMENT 'Pseudonym of the client\'s own session; empty for none.',
    `ip` String COMMENT 'Client address: IPv4 kept to /24, IPv6 to /48.',
    `user_agent` String COMMENT 'Client software: kept as browser family, its major version and the platform.',
    `url` String COMMENT 'Page or request address, its query and fragment removed.',
    `referrer` String COMMENT 'Where the visitor came from, its query and fragment removed.',
    `trace_id` String COMMENT 'W3C trace id, 32 hexadecimal digits, which joins events of one request.',
    `properties` JSON COMMENT 'Everything else the sender said, as one canonical JSON object (sorted keys, no spaces).',
    `report` LowCardinality(String) COMMENT 'session (the state of one session so far), sessions (a count of sessions that ended alike), check_in or feedback.',
    `state` LowCardinality(String) COMMENT 'Sessions: ok, exited, errored, crashed or abnormal. Check-ins: in_progress, ok or error. Empty for feedback.',
    `init` Bool COMMENT 'Whether this is the first report of the session: sessions are counted by it.',
    `errors` Int64 COMMENT 'Errors in the session so far.',
    `quantity` Int64 COMMENT 'How many sessions a count stands for; 1 for anything else.',
    `duration_seconds` Float64 COMMENT 'How long the session or the job has taken so far, in seconds; 0 if not said.',
    `message` String COMMENT 'What a user says.',
    `error_id` String COMMENT 'Event id of the error that a user\'s words are about; empty for none.',
    `source_offset` Int64 COMMENT 'Offset of the raw record that the gate read.',
    `source_partition` UInt16 COMMENT 'Partition, of the raw topic and the clean one alike.',
    `clean_offset` Int64 COMMENT 'Offset in the clean topic.',
    `inserted_at` DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When this row was written, UTC.',
    `version` UInt64 COMMENT 'Topic generation and clean offset in one number: which topic, which record.'
)
ENGINE = {engine}ReplacingMergeTree(version)
PARTITION BY toYYYYMM(received_at)
ORDER BY (project, report, name, occurred_at, source_partition, version)
TTL toDateTime(received_at) + INTERVAL 90 DAY
COMMENT 'Clean events of kind health.';

-- One row a session, not a count: a session's updates may come hours apart, and in any order, so each of them only ever
-- raises a mark, and rows of one session from several partitions or incarnations are one by their greatest values.
CREATE TABLE IF NOT EXISTS tidegate.release_health {on_cluster}
(
    `window_start` DateTime('UTC') COMMENT 'Begin of the window of 10 min, UTC.',
    `project` LowCardinality(String) COMMENT 'Project.',
    `environment` LowCardinality(String) COMMENT 'Deployment environment.',
    `release` LowCardinality(String) COMMENT 'Release.',
    `session_or_user` String COMMENT 'Pseudonym of the session; for counts of sessions that of their user, empty for none.',
    `user` String COMMENT 'Pseudonym of the user; empty for none.',
    `init` UInt8 COMMENT '1 once the session has reported its begin.',
    `errored` UInt8 COMMENT '1 once the session has reported an error.',
    `crashed` UInt8 COMMENT '1 once the session has reported a crash.',
    `abnormal` UInt8 COMMENT '1 once the session has reported an abnormal end.',
    `duration_seconds` Float64 COMMENT 'Longest duration that the session has reported.',
    `counted` Int64 COMMENT 'Sessions that the client counted itself.',
    `counted_errored` Int64 COMMENT 'Those of them with errors and an orderly end.',
    `counted_crashed` Int64 COMMENT 'Those of them that crashed.',
    `counted_abnormal` Int64 COMMENT 'Those of them that ended abnormally.',
    `source_topic` LowCardinality(String) COMMENT 'Clean topic that the row was folded from; rows of several topics add up.',
    `source_partition` UInt16 COMMENT 'Partition that the row was folded from; rows of several partitions add up.',
    `first_offset` Int64 COMMENT 'Offset of the first record in the row: its incarnation. Rows of several incarnations add up.',
    `revision` UInt32 COMMENT 'Late records that changed the row after its window had closed.',
    `final` UInt8 COMMENT '1 once no record can change the row any more.',
    `version` UInt64 COMMENT 'Topic generation and last clean offset in one number; the highest wins.'
)
ENGINE = {engine}ReplacingMergeTree(version)
PARTITION BY toYYYYMM(window_start)
ORDER BY (project, window_start, environment, release, session_or_user, source_topic, source_partition, first_offset)
TTL window_start + INTERVAL 90 DAY
COMMENT 'Sessions as clients report them, by the 10 min in which they began.';

CREATE OR REPLACE VIEW analytics.reported_sessions {on_cluster} AS
SELECT
    r.window_start AS window_start,
    r.project AS project,
    r.environment AS environment,
    r.release AS release,
    r.session_or_user AS session_or_user,
    max(r.user) AS user,
    max(r.init) + sum(r.counted) AS sessions,
    if(max(r.crashed) = 0 AND max(r.abnormal) = 0, max(r.errored), 0) + sum(r.counted_errored) AS errored,
    max(r.crashed) + sum(r.counted_crashed) AS crashed,
    if(max(r.crashed) = 0, max(r.abnormal), 0) + sum(r.counted_abnormal) AS abnormal,
    max(r.duration_seconds) AS duration_seconds,
    sum(r.revision) AS revision,
    min(r.final) AS final
FROM (SELECT * FROM tidegate.release_health FINAL) AS r
GROUP BY window_start, project, environment, release, session_or_user;

CREATE OR REPLACE VIEW analytics.release_health {on_cluster} AS
SELECT
    s.window_start AS window_start,
    s.project AS project,
    s.environment AS environment,
    s.release AS release,
    sum(s.sessions) AS sessions,
    sum(s.errored) AS errored,
    sum(s.crashed) AS crashed,
    sum(s.abnormal) AS abnormal,
    uniqExactIf(s.user, s.user != '') AS users,
    uniqExactIf(s.user, s.user != '' AND s.crashed > 0) AS crashed_users,
    if(sum(s.sessions) > 0, greatest(0, 1 - sum(s.crashed) / sum(s.sessions)), NULL) AS crash_free_sessions,
    if(users > 0, 1 - crashed_users / users, NULL) AS crash_free_users,
    sum(s.revision) AS revision,
    min(s.final) AS final
FROM analytics.reported_sessions AS s
GROUP BY window_start, project, environment, release;

CREATE OR REPLACE VIEW analytics.releases {on_cluster} AS
SELECT
    s.project AS project,
    s.environment AS environment,
    s.release AS release,
    min(s.window_start) AS first_seen,
    max(s.window_start) AS last_seen,
    sum(s.sessions) AS sessions,
    sum(s.errored) AS errored,
    sum(s.crashed) AS crashed,
    sum(s.abnormal) AS abnormal,
    uniqExactIf(s.user, s.user != '') AS users,
    uniqExactIf(s.user, s.user != '' AND s.crashed > 0) AS crashed_users,
    if(sum(s.sessions) > 0, greatest(0, 1 - sum(s.crashed) / sum(s.sessions)), NULL) AS crash_free_sessions,
    if(users > 0, 1 - crashed_users / users, NULL) AS crash_free_users
FROM analytics.reported_sessions AS s
GROUP BY project, environment, release;

CREATE OR REPLACE VIEW analytics.check_ins {on_cluster} AS
SELECT project, environment, release, name AS monitor, session AS check_in, state AS job_state, occurred_at, duration_seconds, properties
FROM tidegate.events_health FINAL
WHERE report = 'check_in';

CREATE OR REPLACE VIEW analytics.feedback {on_cluster} AS
SELECT project, environment, release, event_id, occurred_at, user, message AS text, error_id, url, trace_id, properties
FROM tidegate.events_health FINAL
WHERE report = 'feedback';

ALTER TABLE tidegate.outcomes {on_cluster}
    COMMENT COLUMN `kind` 'Kind of the events; for what has no place here its protocol and name, such as sentry.replay_event; empty where it could not be told.';

ALTER TABLE analytics.reported_sessions {on_cluster} MODIFY COMMENT 'One row a session that a client reports (or a count of sessions that it kept itself) and the ten minutes in which it began.';
ALTER TABLE analytics.release_health {on_cluster} MODIFY COMMENT 'One row a release, environment and ten minutes: sessions that began then, how they ended, and their users.';
ALTER TABLE analytics.releases {on_cluster} MODIFY COMMENT 'One row a release and environment: sessions, how they ended, their users, and the crash-free shares.';
ALTER TABLE analytics.check_ins {on_cluster} MODIFY COMMENT 'One row a check-in report of a scheduled job; reports of one run share check_in.';
ALTER TABLE analytics.feedback {on_cluster} MODIFY COMMENT 'One row a message that a user sent about the application, or about one of its errors.';
