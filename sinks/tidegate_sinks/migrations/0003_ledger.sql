-- What did not become a clean event, and how much of it: the other side of the ledger. Identities are derived from what was
-- refused, so a repeat replaces.


CREATE TABLE IF NOT EXISTS tidegate.dead_letters {on_cluster}
(
    `dead_letter_id` String COMMENT 'Identity: derived from source topic, partition and offset, or from the payload\'s hash at the edge.',
    `project` LowCardinality(String) COMMENT 'Project, empty where it could not be told.',
    `producer_id` String COMMENT 'Producer, empty where it could not be told.',
    `source` LowCardinality(String) COMMENT 'Raw topic that held the record, or gateway:PROTOCOL for one refused at the edge.',
    `raw_partition` Int32 COMMENT 'Partition of the raw record, -1 at the edge.',
    `raw_offset` Int64 COMMENT 'Offset of the raw record, -1 at the edge.',
    `reason` LowCardinality(String) COMMENT 'Named reason, one of the glossary\'s list.',
    `detail` String COMMENT 'What was wrong: field and constraint, never the value.',
    `fingerprint` String COMMENT 'Schema fingerprint or id in hexadecimal that the record claimed; empty if none.',
    `size_bytes` Int64 COMMENT 'Size of the payload.',
    `occurred_at` DateTime64(6, 'UTC') COMMENT 'When it was refused (the raw record\'s own timestamp past the edge), UTC.',
    `payload` String COMMENT 'The payload in a sealed box (X25519, XSalsa20-Poly1305).',
    `source_partition` UInt16 COMMENT 'Partition of the topic that this row was read from.',
    `topic_offset` Int64 COMMENT 'Offset in that topic.',
    `inserted_at` DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When this row was written, UTC.',
    `version` UInt64 COMMENT 'Topic generation and offset in one number; the highest wins.'
)
ENGINE = {engine}ReplacingMergeTree(version)
ORDER BY (project, reason, dead_letter_id)
TTL toDateTime(occurred_at) + INTERVAL 7 DAY
COMMENT 'Records that could not become clean events, sealed.';

CREATE TABLE IF NOT EXISTS tidegate.outcomes {on_cluster}
(
    `outcome_id` String COMMENT 'Identity: derived from what was counted, so that a repeat replaces and does not add.',
    `project` LowCardinality(String) COMMENT 'Project, empty where it could not be told.',
    `kind` LowCardinality(String) COMMENT 'track, error, span or metric; empty where it could not be told.',
    `producer_id` String COMMENT 'Producer, empty where it could not be told.',
    `minute` DateTime64(6, 'UTC') COMMENT 'Minute, by receipt, that the events belong to, UTC.',
    `outcome` LowCardinality(String) COMMENT 'dropped or dead_lettered.',
    `reason` LowCardinality(String) COMMENT 'Named reason, one of the glossary\'s list.',
    `quantity` Int64 COMMENT 'How many events.',
    `reporter` LowCardinality(String) COMMENT 'Who counted: gate, gateway or sdk.',
    `source_partition` UInt16 COMMENT 'Partition of the topic that this row was read from.',
    `topic_offset` Int64 COMMENT 'Offset in that topic.',
    `inserted_at` DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When this row was written, UTC.',
    `version` UInt64 COMMENT 'Topic generation and offset in one number; the highest wins.'
)
ENGINE = {engine}ReplacingMergeTree(version)
ORDER BY (project, kind, producer_id, minute, outcome, reason, outcome_id)
TTL toDateTime(minute) + INTERVAL 90 DAY
COMMENT 'Events that were dropped or dead-lettered, counted by producer, minute and reason.';
