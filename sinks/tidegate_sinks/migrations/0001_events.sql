-- Clean events, one row each. Every value of a clean event is settled, so any of them may be in the sort key; the version
-- makes it unique.

CREATE DATABASE IF NOT EXISTS tidegate {on_cluster};

CREATE TABLE IF NOT EXISTS tidegate.events_track {on_cluster}
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
    `type` LowCardinality(String) COMMENT 'track, page, screen, identify, group or alias.',
    `feature` String COMMENT 'Product feature that the event is a use of; empty if none was named.',
    `agent` String COMMENT 'Agent (the demo marketplace\'s product, or any tool used on a user\'s behalf) that the event is about; empty if none.',
    `failed` Bool COMMENT 'Whether the action failed, by the property success or failed.',
    `previous` String COMMENT 'For alias: pseudonym that is the same person from now on; empty otherwise.',
    `source_offset` Int64 COMMENT 'Offset of the raw record that the gate read.',
    `source_partition` UInt16 COMMENT 'Partition, of the raw topic and the clean one alike.',
    `clean_offset` Int64 COMMENT 'Offset in the clean topic.',
    `inserted_at` DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When this row was written, UTC.',
    `version` UInt64 COMMENT 'Topic generation and clean offset in one number: which topic, which record.'
)
ENGINE = {engine}ReplacingMergeTree(version)
PARTITION BY toYYYYMM(received_at)
ORDER BY (project, name, occurred_at, source_partition, version)
TTL toDateTime(received_at) + INTERVAL 25 MONTH
COMMENT 'Clean events of kind track.';

CREATE TABLE IF NOT EXISTS tidegate.events_error {on_cluster}
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
    `level` LowCardinality(String) COMMENT 'fatal, error, warning, info or debug.',
    `message` String COMMENT 'The exception\'s value or the logged message.',
    `handled` Bool COMMENT 'Whether the application caught the exception itself.',
    `stack` String COMMENT 'Frames, innermost last, as a JSON array of {module, filename, function, lineno, context_line, in_app}; no local variables.',
    `fingerprint` String COMMENT 'Grouping key chosen by the sender, empty for our own grouping.',
    `platform` LowCardinality(String) COMMENT 'Language or runtime.',
    `route` String COMMENT 'Route template of the request that failed, such as /agents/{id}; empty if none.',
    `method` LowCardinality(String) COMMENT 'HTTP method of that request; empty if none.',
    `span_id` String COMMENT 'W3C span id, 16 hexadecimal digits.',
    `source_offset` Int64 COMMENT 'Offset of the raw record that the gate read.',
    `source_partition` UInt16 COMMENT 'Partition, of the raw topic and the clean one alike.',
    `clean_offset` Int64 COMMENT 'Offset in the clean topic.',
    `inserted_at` DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When this row was written, UTC.',
    `version` UInt64 COMMENT 'Topic generation and clean offset in one number: which topic, which record.'
)
ENGINE = {engine}ReplacingMergeTree(version)
PARTITION BY toYYYYMM(received_at)
ORDER BY (project, name, occurred_at, source_partition, version)
TTL toDateTime(received_at) + INTERVAL 90 DAY
COMMENT 'Clean events of kind error.';

CREATE TABLE IF NOT EXISTS tidegate.events_span {on_cluster}
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
    `operation` LowCardinality(String) COMMENT 'Kind of operation: request, query, client, or internal.',
    `duration_seconds` Float64 COMMENT 'How long it took, in seconds, not negative.',
    `status` LowCardinality(String) COMMENT 'ok or error.',
    `status_code` Int32 COMMENT 'HTTP status of a request, 0 for anything else.',
    `route` String COMMENT 'Route template of a request, such as /agents/{id}; empty for anything else.',
    `method` LowCardinality(String) COMMENT 'HTTP method of a request; empty for anything else.',
    `statement` String COMMENT 'Summary of a query: operation and target, literals removed; empty for anything else.',
    `db_system` LowCardinality(String) COMMENT 'Database product of a query; empty for anything else.',
    `span_id` String COMMENT 'W3C span id, 16 hexadecimal digits.',
    `parent_span_id` String COMMENT 'Span id of the parent.',
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
COMMENT 'Clean events of kind span.';

CREATE TABLE IF NOT EXISTS tidegate.events_metric {on_cluster}
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
    `instrument` LowCardinality(String) COMMENT 'gauge, counter or histogram.',
    `temporality` LowCardinality(String) COMMENT 'delta or cumulative for counters and histograms, empty for gauges.',
    `unit` LowCardinality(String) COMMENT 'Unit of the value in UCUM, such as By, s or 1.',
    `value` Float64 COMMENT 'The gauge\'s value or the counter\'s amount; 0 for histograms.',
    `started_at` DateTime64(6, 'UTC') COMMENT 'When the counted interval began (equal to occurred_at where unknown).',
    `count` Int64 COMMENT 'Histogram: how many values.',
    `sum` Float64 COMMENT 'Histogram: their sum.',
    `bucket_bounds` Array(Float64) COMMENT 'Histogram: upper bounds (inclusive) of all buckets but the last, ascending.',
    `bucket_counts` Array(Int64) COMMENT 'Histogram: values in each bucket, one more than bounds.',
    `attributes` JSON COMMENT 'The point\'s attributes as one canonical JSON object.',
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
COMMENT 'Clean events of kind metric.';
