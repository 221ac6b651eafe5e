-- What remembers which migrations were applied. Run before each of them.

CREATE DATABASE IF NOT EXISTS tidegate {on_cluster};

CREATE TABLE IF NOT EXISTS tidegate.migrations {on_cluster}
(
    `number` UInt16 COMMENT 'Number of the file.',
    `name` String COMMENT 'Name of the file.',
    `checksum` String COMMENT 'SHA-256 of the file when it was applied.',
    `applied_at` DateTime('UTC') DEFAULT now() COMMENT 'When, UTC.'
)
ENGINE = {engine}ReplacingMergeTree
ORDER BY number
COMMENT 'Migrations that were applied.';
