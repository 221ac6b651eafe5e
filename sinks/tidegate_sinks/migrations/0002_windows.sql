-- Windows and other folded state. Rows are absolute: a repeat replaces, the highest version wins. Sort keys hold only what a
-- repeat can't change.

CREATE TABLE IF NOT EXISTS tidegate.sessions {on_cluster}
(
    `project` LowCardinality(String) COMMENT 'Project.',
    `visitor` String COMMENT 'Pseudonym of the device.',
    `started_at` DateTime64(6, 'UTC') COMMENT 'First event, UTC.',
    `ended_at` DateTime64(6, 'UTC') COMMENT 'Last event, UTC.',
    `user` String COMMENT 'Pseudonym of the user last seen; empty for none.',
    `pageviews` Float64 COMMENT 'Weighted page and screen views.',
    `events` Float64 COMMENT 'Weighted events.',
    `features` Array(String) COMMENT 'Features used.',
    `entry_url` String COMMENT 'First page.',
    `exit_url` String COMMENT 'Last page.',
    `release` LowCardinality(String) COMMENT 'Release.',
    `environment` LowCardinality(String) COMMENT 'Deployment environment.',
    `is_deleted` UInt8 COMMENT '1 for a session that a late event merged into an older one.',
    `source_topic` LowCardinality(String) COMMENT 'Clean topic that the row was folded from; rows of several topics add up.',
    `source_partition` UInt16 COMMENT 'Partition that the row was folded from; rows of several partitions add up.',
    `first_offset` Int64 COMMENT 'Offset of the first record in the row: its incarnation. Rows of several incarnations add up.',
    `revision` UInt32 COMMENT 'Late records that changed the row after its window had closed.',
    `final` UInt8 COMMENT '1 once no record can change the row any more.',
    `version` UInt64 COMMENT 'Topic generation and last clean offset in one number; the highest wins.'
)
ENGINE = {engine}ReplacingMergeTree(version, is_deleted)
ORDER BY (project, visitor, source_topic, source_partition, first_offset)
TTL toDateTime(started_at) + INTERVAL 25 MONTH
COMMENT 'Sessions of visitors: track events without a gap of 30 minutes, for 24 hours at most.';

CREATE TABLE IF NOT EXISTS tidegate.error_rates {on_cluster}
(
    `window_start` DateTime('UTC') COMMENT 'Begin of the window of 10 s, UTC.',
    `project` LowCardinality(String) COMMENT 'Project.',
    `environment` LowCardinality(String) COMMENT 'Deployment environment.',
    `release` LowCardinality(String) COMMENT 'Release.',
    `service` LowCardinality(String) COMMENT 'Service.',
    `route` String COMMENT 'Route template; empty where there is none.',
    `method` LowCardinality(String) COMMENT 'HTTP method; empty where there is none.',
    `requests` Float64 COMMENT 'Weighted requests.',
    `client_errors` Float64 COMMENT 'Weighted requests answered with 4xx.',
    `server_errors` Float64 COMMENT 'Weighted requests answered with 5xx, or failed without a status.',
    `exceptions` Float64 COMMENT 'Weighted exceptions.',
    `source_topic` LowCardinality(String) COMMENT 'Clean topic that the row was folded from; rows of several topics add up.',
    `source_partition` UInt16 COMMENT 'Partition that the row was folded from; rows of several partitions add up.',
    `first_offset` Int64 COMMENT 'Offset of the first record in the row: its incarnation. Rows of several incarnations add up.',
    `revision` UInt32 COMMENT 'Late records that changed the row after its window had closed.',
    `final` UInt8 COMMENT '1 once no record can change the row any more.',
    `version` UInt64 COMMENT 'Topic generation and last clean offset in one number; the highest wins.'
)
ENGINE = {engine}ReplacingMergeTree(version)
PARTITION BY toYYYYMM(window_start)
ORDER BY (project, service, route, method, window_start, environment, release, source_topic, source_partition, first_offset)
TTL window_start + INTERVAL 90 DAY
COMMENT 'Requests, errors and exceptions by endpoint, 10 s windows.';

CREATE TABLE IF NOT EXISTS tidegate.latencies {on_cluster}
(
    `window_start` DateTime('UTC') COMMENT 'Begin of the window of 10 s, UTC.',
    `project` LowCardinality(String) COMMENT 'Project.',
    `environment` LowCardinality(String) COMMENT 'Deployment environment.',
    `release` LowCardinality(String) COMMENT 'Release.',
    `service` LowCardinality(String) COMMENT 'Service.',
    `route` String COMMENT 'Route template; empty where there is none.',
    `method` LowCardinality(String) COMMENT 'HTTP method; empty where there is none.',
    `operation` LowCardinality(String) COMMENT 'request, query, client or internal.',
    `statement` String COMMENT 'Query summary; empty for anything else.',
    `db_system` LowCardinality(String) COMMENT 'Database product; empty for anything else.',
    `count` Float64 COMMENT 'Weighted operations.',
    `sum_seconds` Float64 COMMENT 'Their durations, added up.',
    `min_seconds` Float64 COMMENT 'The shortest.',
    `max_seconds` Float64 COMMENT 'The longest.',
    `buckets` Array(Int32) COMMENT 'Indices of the sketch\'s buckets: bucket i holds values in (g^(i-1), g^i], g = 1.01/0.99.',
    `bucket_counts` Array(Float64) COMMENT 'Weighted number of values in each bucket.',
    `source_topic` LowCardinality(String) COMMENT 'Clean topic that the row was folded from; rows of several topics add up.',
    `source_partition` UInt16 COMMENT 'Partition that the row was folded from; rows of several partitions add up.',
    `first_offset` Int64 COMMENT 'Offset of the first record in the row: its incarnation. Rows of several incarnations add up.',
    `revision` UInt32 COMMENT 'Late records that changed the row after its window had closed.',
    `final` UInt8 COMMENT '1 once no record can change the row any more.',
    `version` UInt64 COMMENT 'Topic generation and last clean offset in one number; the highest wins.'
)
ENGINE = {engine}ReplacingMergeTree(version)
PARTITION BY toYYYYMM(window_start)
ORDER BY (project, operation, service, route, method, statement, window_start, environment, release, db_system, source_topic, source_partition, first_offset)
TTL window_start + INTERVAL 90 DAY
COMMENT 'Durations by endpoint or statement, 10 s windows, with a sketch of 1 % relative accuracy.';

CREATE TABLE IF NOT EXISTS tidegate.metric_windows {on_cluster}
(
    `window_start` DateTime('UTC') COMMENT 'Begin of the window of 10 s, UTC.',
    `project` LowCardinality(String) COMMENT 'Project.',
    `environment` LowCardinality(String) COMMENT 'Deployment environment.',
    `service` LowCardinality(String) COMMENT 'Service.',
    `name` LowCardinality(String) COMMENT 'Metric.',
    `instrument` LowCardinality(String) COMMENT 'gauge, counter or histogram.',
    `unit` LowCardinality(String) COMMENT 'Unit in UCUM.',
    `attributes` String COMMENT 'The series\' attributes as canonical JSON.',
    `min` Float64 COMMENT 'Least value.',
    `max` Float64 COMMENT 'Greatest value.',
    `last` Float64 COMMENT 'Latest value.',
    `last_at` DateTime64(6, 'UTC') COMMENT 'When the latest value was measured, UTC.',
    `sum` Float64 COMMENT 'Sum of the values.',
    `count` Float64 COMMENT 'Number of values.',
    `increase` Float64 COMMENT 'Counters: how much was added in the window, resets taken into account.',
    `buckets` Array(Int32) COMMENT 'Indices of the sketch\'s buckets: bucket i holds values in (g^(i-1), g^i], g = 1.01/0.99.',
    `bucket_counts` Array(Float64) COMMENT 'Weighted number of values in each bucket.',
    `source_topic` LowCardinality(String) COMMENT 'Clean topic that the row was folded from; rows of several topics add up.',
    `source_partition` UInt16 COMMENT 'Partition that the row was folded from; rows of several partitions add up.',
    `first_offset` Int64 COMMENT 'Offset of the first record in the row: its incarnation. Rows of several incarnations add up.',
    `revision` UInt32 COMMENT 'Late records that changed the row after its window had closed.',
    `final` UInt8 COMMENT '1 once no record can change the row any more.',
    `version` UInt64 COMMENT 'Topic generation and last clean offset in one number; the highest wins.'
)
ENGINE = {engine}ReplacingMergeTree(version)
PARTITION BY toYYYYMM(window_start)
ORDER BY (project, name, service, window_start, environment, instrument, unit, attributes, source_topic, source_partition, first_offset)
TTL window_start + INTERVAL 90 DAY
COMMENT 'Measurements by series, 10 s windows.';

CREATE TABLE IF NOT EXISTS tidegate.activity {on_cluster}
(
    `window_start` DateTime('UTC') COMMENT 'Begin of the window of 15 min, UTC.',
    `project` LowCardinality(String) COMMENT 'Project.',
    `visitor` String COMMENT 'Pseudonym of the device.',
    `user` String COMMENT 'Pseudonym of the user; empty for none.',
    `events` Float64 COMMENT 'Weighted events.',
    `features` Array(String) COMMENT 'Features used.',
    `cookieless` UInt8 COMMENT '1 for a visitor whose pseudonym lives for a day.',
    `source_topic` LowCardinality(String) COMMENT 'Clean topic that the row was folded from; rows of several topics add up.',
    `source_partition` UInt16 COMMENT 'Partition that the row was folded from; rows of several partitions add up.',
    `first_offset` Int64 COMMENT 'Offset of the first record in the row: its incarnation. Rows of several incarnations add up.',
    `revision` UInt32 COMMENT 'Late records that changed the row after its window had closed.',
    `final` UInt8 COMMENT '1 once no record can change the row any more.',
    `version` UInt64 COMMENT 'Topic generation and last clean offset in one number; the highest wins.'
)
ENGINE = {engine}ReplacingMergeTree(version)
PARTITION BY toYYYYMM(window_start)
ORDER BY (project, window_start, visitor, user, source_topic, source_partition, first_offset)
TTL window_start + INTERVAL 25 MONTH
COMMENT 'Who was active, 15 min windows.';

CREATE TABLE IF NOT EXISTS tidegate.usage {on_cluster}
(
    `window_start` DateTime('UTC') COMMENT 'Begin of the window of 15 min, UTC.',
    `project` LowCardinality(String) COMMENT 'Project.',
    `event` String COMMENT 'Event name.',
    `feature` String COMMENT 'Feature; empty for none.',
    `agent` String COMMENT 'Agent; empty for none.',
    `count` Float64 COMMENT 'Weighted events.',
    `failures` Float64 COMMENT 'Weighted events that failed.',
    `source_topic` LowCardinality(String) COMMENT 'Clean topic that the row was folded from; rows of several topics add up.',
    `source_partition` UInt16 COMMENT 'Partition that the row was folded from; rows of several partitions add up.',
    `first_offset` Int64 COMMENT 'Offset of the first record in the row: its incarnation. Rows of several incarnations add up.',
    `revision` UInt32 COMMENT 'Late records that changed the row after its window had closed.',
    `final` UInt8 COMMENT '1 once no record can change the row any more.',
    `version` UInt64 COMMENT 'Topic generation and last clean offset in one number; the highest wins.'
)
ENGINE = {engine}ReplacingMergeTree(version)
PARTITION BY toYYYYMM(window_start)
ORDER BY (project, event, feature, agent, window_start, source_topic, source_partition, first_offset)
TTL window_start + INTERVAL 25 MONTH
COMMENT 'What was used, 15 min windows.';

CREATE TABLE IF NOT EXISTS tidegate.identities {on_cluster}
(
    `project` LowCardinality(String) COMMENT 'Project.',
    `visitor` String COMMENT 'Pseudonym of the device.',
    `user` String COMMENT 'Pseudonym of the user.',
    `first_seen` DateTime64(6, 'UTC') COMMENT 'When the two were first seen together in this row\'s day, UTC.',
    `source_topic` LowCardinality(String) COMMENT 'Clean topic that the row was folded from; rows of several topics add up.',
    `source_partition` UInt16 COMMENT 'Partition that the row was folded from; rows of several partitions add up.',
    `first_offset` Int64 COMMENT 'Offset of the first record in the row: its incarnation. Rows of several incarnations add up.',
    `revision` UInt32 COMMENT 'Late records that changed the row after its window had closed.',
    `final` UInt8 COMMENT '1 once no record can change the row any more.',
    `version` UInt64 COMMENT 'Topic generation and last clean offset in one number; the highest wins.'
)
ENGINE = {engine}ReplacingMergeTree(version)
ORDER BY (project, visitor, user, source_topic, source_partition, first_offset)
TTL toDateTime(first_seen) + INTERVAL 25 MONTH
COMMENT 'Links between visitors and users.';
