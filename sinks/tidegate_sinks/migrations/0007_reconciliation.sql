-- Where the aggregates don't say what the archive says: found by SQL that shares nothing with the folds.

-- How many events each stands for, by its sample rate, as counts of the aggregates are weighted.
CREATE FUNCTION IF NOT EXISTS tidegateWeight {on_cluster} AS (sample_rate) ->
    round(16777216 / least(greatest(if(sample_rate > 0, sample_rate, 1), 0.000001), 1)) / 16777216;

CREATE TABLE IF NOT EXISTS tidegate.reconciliation {on_cluster}
(
    `aggregate` LowCardinality(String) COMMENT 'Aggregate that differs from the archive, such as usage.',
    `measure` LowCardinality(String) COMMENT 'Which of its columns.',
    `window_start` DateTime('UTC') COMMENT 'Begin of the hour that was compared, UTC.',
    `window_end` DateTime('UTC') COMMENT 'End of what was compared: the hour\'s, or that of the sessions which began in it, UTC.',
    `project` LowCardinality(String) COMMENT 'Project.',
    `source_topic` LowCardinality(String) COMMENT 'Clean topic that the row was folded from; rows of several topics add up.',
    `source_partition` UInt16 COMMENT 'Partition that the row was folded from; rows of several partitions add up.',
    `expected` Float64 COMMENT 'What the archive adds up to.',
    `found` Float64 COMMENT 'What the aggregate adds up to.',
    `windows` UInt64 COMMENT 'Windows (or sessions) of the hour that differ.',
    `overlapping` UInt64 COMMENT 'Keys with several rows that together hold more than the archive: what losing a worker\'s state leaves.',
    `resolved` UInt8 COMMENT '1 once the difference is gone.',
    `checked_at` DateTime64(3, 'UTC') COMMENT 'When it was last compared, UTC.',
    `version` UInt64 COMMENT 'Time of the comparison in microseconds; the highest wins.'
)
ENGINE = {engine}ReplacingMergeTree(version)
ORDER BY (aggregate, measure, project, window_start, source_topic, source_partition)
TTL window_start + INTERVAL 25 MONTH
COMMENT 'Differences between the aggregates and the archive.';

CREATE OR REPLACE VIEW analytics.reconciliation {on_cluster} AS
SELECT * EXCEPT (version)
FROM tidegate.reconciliation FINAL;

ALTER TABLE analytics.reconciliation {on_cluster} MODIFY COMMENT 'One row an aggregate, measure, project, partition and hour in which the aggregate held something else than the archive. `tidegate rebuild` repairs it.';
