-- Log records, and the traces that a metric's values were measured in.

CREATE TABLE IF NOT EXISTS tidegate.events_log {on_cluster}
(
    `event_id` UUID COMMENT 'Identity of the event: a UUIDv7 minted where it is born, or derived from the foreign protocol\'s own id, in canonical text. A retry has the same one.',
    `producer_id` String COMMENT 'Who numbered the event: one per SDK process, browser page or gateway process; random, never derived from a person or a device.',
    `sequence` Int64 COMMENT 'The producer\'s own counter, from 1 without gaps: the basis of the ledger. 0 where the sender doesn\'t number.',
    `project` LowCardinality(String) COMMENT 'Project that the write key belongs to.',
    `environment` LowCardinality(String) COMMENT 'Deployment environment, such as production or staging; empty if not said.',
    `release` LowCardinality(String) COMMENT 'Version of the application; empty if not said.',
    `service` LowCardinality(String) COMMENT 'Service that emitted the event; empty if not said.',
    `name` String COMMENT 'Event name, exception type, operation name or metric name, by kind.',
    `occurred_at` DateTime64(6, 'UTC') COMMENT 'When it happened, corrected for the client\'s clock skew, UTC. For a span: when it began.',
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
    `body` String COMMENT 'What was logged; a structured body as canonical JSON.',
    `level` LowCardinality(String) COMMENT 'fatal, error, warning, info or debug.',
    `severity_number` Int32 COMMENT 'OpenTelemetry\'s severity, from 1 (TRACE) to 24 (FATAL4); 0 if not said.',
    `logger` LowCardinality(String) COMMENT 'Logger or instrumentation scope; empty if not said.',
    `span_id` String COMMENT 'W3C span id, 16 hexadecimal digits.',
    `attributes` JSON COMMENT 'The record\'s attributes as one canonical JSON object.',
    `source_offset` Int64 COMMENT 'Offset of the raw record that the gate read.',
    `source_partition` UInt16 COMMENT 'Partition, of the raw topic and the clean one alike.',
    `clean_offset` Int64 COMMENT 'Offset in the clean topic.',
    `inserted_at` DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When this row was written, UTC.',
    `version` UInt64 COMMENT 'Topic generation and clean offset in one number: which topic, which record.'
)
ENGINE = {engine}ReplacingMergeTree(version)
PARTITION BY toYYYYMM(received_at)
ORDER BY (project, name, occurred_at, source_partition, version)
TTL toDateTime(received_at) + INTERVAL 30 DAY
COMMENT 'Clean events of kind log.';

ALTER TABLE tidegate.outcomes {on_cluster}
    COMMENT COLUMN `kind` 'track, error, span, metric or log; empty where it could not be told.';

CREATE OR REPLACE VIEW analytics.logs {on_cluster} AS
SELECT * EXCEPT (version)
FROM tidegate.events_log FINAL;

ALTER TABLE analytics.logs {on_cluster} MODIFY COMMENT 'One row a log record.';

ALTER TABLE tidegate.events_metric {on_cluster}
    ADD COLUMN IF NOT EXISTS `exemplars` String
    DEFAULT '[]'
    COMMENT 'Traces that the point\'s values were measured in, at most 4, highest values first: a JSON array of {at, span_id, trace_id, value}, at in µs since the epoch.'
    AFTER `attributes`;

CREATE OR REPLACE VIEW analytics.metrics {on_cluster} AS
SELECT * EXCEPT (version)
FROM tidegate.events_metric FINAL;

ALTER TABLE analytics.metrics {on_cluster} MODIFY COMMENT 'One row a point of a metric, as it was sent.';

-- From a number to a trace: of metrics what the sender named, of latencies the slowest spans themselves.
CREATE OR REPLACE VIEW analytics.exemplars {on_cluster} AS
SELECT
    toStartOfInterval(occurred_at, INTERVAL 10 SECOND) AS window_start,
    project,
    environment,
    service,
    name,
    toJSONString(attributes) AS attributes,
    exemplar.trace_id AS trace_id,
    exemplar.span_id AS span_id,
    exemplar.value AS value,
    fromUnixTimestamp64Micro(exemplar.at, 'UTC') AS measured_at
FROM
(
    SELECT
        *,
        arrayJoin(JSONExtract(exemplars, 'Array(Tuple(at Int64, span_id String, trace_id String, value Float64))')) AS exemplar
    FROM tidegate.events_metric FINAL
    WHERE exemplars NOT IN ('', '[]')
) AS m;

ALTER TABLE analytics.exemplars {on_cluster} MODIFY COMMENT 'One row a value of a metric that its sender named a trace for; joins metric_windows by window, project, environment, service, name and attributes.';

CREATE OR REPLACE VIEW analytics.slow_traces {on_cluster} AS
SELECT
    toStartOfMinute(occurred_at) AS minute,
    project,
    environment,
    release,
    service,
    operation,
    route,
    method,
    statement,
    duration_seconds,
    status,
    trace_id,
    span_id,
    occurred_at
FROM tidegate.events_span FINAL
WHERE trace_id != ''
ORDER BY minute DESC, duration_seconds DESC
LIMIT 5 BY minute, project, environment, release, service, operation, route, method, statement;

ALTER TABLE analytics.slow_traces {on_cluster} MODIFY COMMENT 'One row a span that has a trace and is among the five slowest of its minute, route and statement: what a high percentile of latencies is made of.';

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
    SELECT project, producer_id, toStartOfMinute(received_at) AS minute, count(), 0, 0
    FROM tidegate.events_log FINAL GROUP BY project, producer_id, minute
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
    SELECT producer_id, max(sequence), count(), 0, 0
    FROM tidegate.events_log FINAL WHERE sequence > 0 GROUP BY producer_id
    UNION ALL
    SELECT producer_id, 0, 0, toUInt64(sumIf(quantity, outcome = 'dropped')), toUInt64(sumIf(quantity, outcome = 'dead_lettered'))
    FROM tidegate.outcomes FINAL WHERE reporter != 'gateway' GROUP BY producer_id
) AS p
GROUP BY producer_id;

ALTER TABLE analytics.ledger {on_cluster} MODIFY COMMENT 'One row a producer and minute of receipt: events stored, dropped and dead-lettered.';
ALTER TABLE analytics.producers {on_cluster} MODIFY COMMENT 'One row a producer that numbers its events: sent, stored, dropped, dead-lettered, and what is left over (in flight or missing).';
