-- The ledger: what became of every number that a producer gave out. Sets of numbers, 64 to a word, add up by `or`: however
-- often and in whatever order they come, a number counts once.

CREATE TABLE IF NOT EXISTS tidegate.ledger {on_cluster}
(
    `window_start` DateTime('UTC') COMMENT 'Begin of the minute of receipt, UTC.',
    `project` LowCardinality(String) COMMENT 'Project.',
    `producer_id` String COMMENT 'Producer, empty where it could not be told.',
    `word` Int64 COMMENT 'Which 64 of the producer\'s numbers: 0 is 1 to 64. -1: events without a number.',
    `bits` UInt64 COMMENT 'Those of the 64 that are stored: the lowest bit is the first number.',
    `stored` Int64 COMMENT 'Events, counted as they are inserted.',
    `source_topic` LowCardinality(String) COMMENT 'Clean topic that the row was folded from; rows of several topics add up.',
    `source_partition` UInt16 COMMENT 'Partition that the row was folded from; rows of several partitions add up.',
    `first_offset` Int64 COMMENT 'Offset of the first record in the row: its incarnation. Rows of several incarnations add up.',
    `revision` UInt32 COMMENT 'Late records that changed the row after its window had closed.',
    `final` UInt8 COMMENT '1 once no record can change the row any more.',
    `version` UInt64 COMMENT 'Topic generation and last clean offset in one number; the highest wins.'
)
ENGINE = {engine}ReplacingMergeTree(version)
PARTITION BY toYYYYMM(window_start)
ORDER BY (project, producer_id, word, window_start, source_topic, source_partition, first_offset)
TTL window_start + INTERVAL 90 DAY
COMMENT 'Numbers of each producer that are stored, by minutes of receipt.';

ALTER TABLE tidegate.outcomes {on_cluster}
    ADD COLUMN IF NOT EXISTS `sequences` Array(Int64)
    COMMENT 'The producer\'s numbers of these events, as pairs of first and last, both inclusive, ascending; empty where they have none or they are not known.'
    AFTER `reporter`;

ALTER TABLE tidegate.outcomes {on_cluster}
    COMMENT COLUMN `outcome` 'dropped, dead_lettered or erased; or numbered or closed: then the quantity is the last number that the producer gave out.';

ALTER TABLE tidegate.outcomes {on_cluster}
    COMMENT COLUMN `quantity` 'How many events, or the last number.';

ALTER TABLE tidegate.outcomes {on_cluster}
    COMMENT COLUMN `reporter` 'Who counted: gate, gateway, sdk, browser or kafka.';

ALTER TABLE tidegate.dead_letters {on_cluster}
    ADD COLUMN IF NOT EXISTS `sequence` Int64
    COMMENT 'The producer\'s number of the event; 0 where it could not be told.'
    AFTER `payload`;

ALTER TABLE tidegate.dead_letters {on_cluster}
    ADD COLUMN IF NOT EXISTS `excerpt` String
    COMMENT 'Begin of what could be decoded, scrubbed as clean events are, ids left out; empty where nothing could be.'
    AFTER `sequence`;

ALTER TABLE tidegate.dead_letters {on_cluster}
    ADD COLUMN IF NOT EXISTS `resolution` LowCardinality(String)
    COMMENT 'Empty while the letter waits; replayed or discarded once somebody dealt with it.'
    AFTER `excerpt`;

-- The payload goes after a week; that there was a letter stays as long as the ledger does.
ALTER TABLE tidegate.dead_letters {on_cluster}
    MODIFY COLUMN `payload` String TTL toDateTime(occurred_at) + INTERVAL 7 DAY;

ALTER TABLE tidegate.dead_letters {on_cluster}
    COMMENT COLUMN `payload` 'The payload in a sealed box (X25519, XSalsa20-Poly1305); empty where it is larger than a record may be, after a week, and once the letter is resolved.';

ALTER TABLE tidegate.dead_letters {on_cluster}
    MODIFY TTL toDateTime(occurred_at) + INTERVAL 90 DAY;

CREATE OR REPLACE VIEW analytics.dead_letters {on_cluster} AS
SELECT * EXCEPT (payload, version)
FROM tidegate.dead_letters FINAL;

CREATE OR REPLACE VIEW analytics.outcomes {on_cluster} AS
SELECT * EXCEPT (version)
FROM tidegate.outcomes FINAL;

-- Who numbers, by the name that it goes by.
CREATE FUNCTION IF NOT EXISTS tidegateProducerKind {on_cluster} AS (producer_id) ->
    multiIf(
        producer_id = '', 'unknown',
        startsWith(producer_id, 'sdk:'), 'sdk',
        startsWith(producer_id, 'gateway:'), 'gateway',
        startsWith(producer_id, 'browser:'), 'browser',
        'kafka');

-- Of each number the first account that there is of it: stored, dead-lettered, dropped, spent on a copy. A number below the
-- highest known without any is in flight for five minutes, then missing; it is put into the last minute of the 64 numbers
-- that it is one of. What a producer reports as dropped without naming numbers accounts for such gaps, earliest first.
-- `since` is what it costs by: only words from the first one on that a producer used since then are looked at.
CREATE OR REPLACE VIEW analytics.ledger_entries_since {on_cluster} AS
WITH
    starts AS
    (
        SELECT
            s.project AS project,
            s.producer_id AS producer_id,
            min(s.word) AS first,
            if((project, producer_id) IN (SELECT l.project, l.producer_id FROM tidegate.ledger AS l WHERE l.window_start < {since:DateTime('UTC')}),
                first - 1, -1) AS before
        FROM
        (
            SELECT project, producer_id, word FROM tidegate.ledger WHERE word >= 0 AND window_start >= {since:DateTime('UTC')}
            UNION ALL
            SELECT project, producer_id, intDiv(sequence - 1, 64) FROM tidegate.dead_letters
            WHERE sequence BETWEEN 1 AND 1099511627776 AND occurred_at >= {since:DateTime('UTC')}
            UNION ALL
            SELECT project, producer_id, intDiv(greatest(if(outcome IN ('numbered', 'closed'), quantity, sequences[1]), 1) - 1, 64)
            FROM tidegate.outcomes
            WHERE minute >= {since:DateTime('UTC')} AND (outcome IN ('numbered', 'closed') OR notEmpty(sequences))
        ) AS s
        GROUP BY project, producer_id
    ),
    reports AS
    (
        SELECT
            project,
            producer_id,
            toDateTime(minute, 'UTC') AS minute,
            outcome,
            reason,
            quantity,
            arrayFilter(
                pair -> pair.1 >= 1 AND pair.2 >= pair.1 AND pair.2 <= 1099511627776 AND pair.2 - pair.1 < 10000000,
                arrayMap(at -> (sequences[2 * at - 1], sequences[2 * at]), range(1, toUInt32(intDiv(length(sequences), 2)) + 1))
            ) AS pairs,
            greatest(quantity - arraySum(pair -> pair.2 - pair.1 + 1, pairs), 0) AS unnamed
        FROM tidegate.outcomes FINAL
        WHERE outcome IN ('dropped', 'erased') AND minute >= {since:DateTime('UTC')}
    ),
    letters AS
    (
        SELECT
            project,
            producer_id,
            toDateTime(toStartOfMinute(occurred_at), 'UTC') AS minute,
            if(resolution = 'discarded', 'discarded', reason) AS reason,
            if(resolution = 'discarded', 'dropped', 'dead_lettered') AS fate,
            if(sequence BETWEEN 1 AND 1099511627776, sequence, 0) AS number
        FROM tidegate.dead_letters FINAL
        WHERE resolution != 'replayed' AND occurred_at >= {since:DateTime('UTC')}
    ),
    claims AS
    (
        SELECT project, producer_id, word, 'a_stored' AS fate, window_start AS minute, '' AS reason, groupBitOr(bits) AS bits, toInt64(0) AS last
        FROM tidegate.ledger FINAL
        WHERE word >= 0 AND (project, producer_id) IN (SELECT project, producer_id FROM starts)
        GROUP BY project, producer_id, word, minute
        UNION ALL
        SELECT project, producer_id, intDiv(number - 1, 64), if(fate = 'dropped', 'c_dropped', 'b_dead_lettered'), minute, reason,
            bitShiftLeft(toUInt64(1), toUInt8((number - 1) % 64)), 0
        FROM letters
        WHERE number > 0
        UNION ALL
        SELECT project, producer_id, toInt64(spanned), if(spent, 'd_voided', 'c_dropped'), minute, reason,
            bitShiftLeft(bitShiftRight(toUInt64(18446744073709551615), toUInt8(63 - (high - low))), toUInt8(low)),
            0
        FROM
        (
            SELECT
                *,
                reason = 'duplicate' OR (startsWith(producer_id, 'gateway:') AND reason IN ('undeliverable', 'queue_full', 'unanswered')) AS spent,
                arrayJoin(pairs) AS pair,
                toInt64(arrayJoin(range(toUInt64(intDiv(pair.1 - 1, 64)), toUInt64(intDiv(pair.2 - 1, 64) + 1)))) AS spanned,
                greatest(pair.1 - 1 - spanned * 64, 0) AS low,
                least(pair.2 - 1 - spanned * 64, 63) AS high
            FROM reports
            WHERE outcome = 'dropped'
        )
        UNION ALL
        SELECT project, producer_id, intDiv(max(quantity) - 1, 64), 'e_reported', toDateTime(argMax(minute, quantity), 'UTC'), '', toUInt64(0), max(quantity)
        FROM tidegate.outcomes FINAL
        WHERE outcome IN ('numbered', 'closed') AND quantity BETWEEN 1 AND 1099511627776
            AND (project, producer_id) IN (SELECT project, producer_id FROM starts)
        GROUP BY project, producer_id
    ),
    gaps AS
    (
        SELECT
            project,
            producer_id,
            word,
            minute,
            (word - lagInFrame(word, 1, toInt64(before)) OVER whole - 1) * 64
                + if(word = intDiv(top - 1, 64), (top - 1) % 64 + 1, 64) - bitCount(bits) AS gap
        FROM
        (
            SELECT
                c.project AS project,
                c.producer_id AS producer_id,
                c.word AS word,
                any(s.before) AS before,
                max(c.minute) AS minute,
                groupBitOr(c.bits) AS bits,
                max(greatest(last, if(c.bits = 0, 0, word * 64 + 1 + bitPositionsToArray(c.bits)[-1]))) AS highest,
                max(highest) OVER (PARTITION BY project, producer_id) AS top
            FROM claims AS c
            INNER JOIN starts AS s ON s.project = c.project AND s.producer_id = c.producer_id
            WHERE c.word >= s.first
            GROUP BY project, producer_id, word
        )
        WINDOW whole AS (PARTITION BY project, producer_id ORDER BY word ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
    ),
    unnamed AS
    (
        SELECT project, producer_id, sum(quantity) AS quantity
        FROM
        (
            SELECT project, producer_id, unnamed AS quantity FROM reports WHERE outcome = 'dropped' AND reason != 'duplicate'
            UNION ALL
            SELECT project, producer_id, 1 FROM letters WHERE number = 0
        )
        WHERE producer_id != '' AND NOT startsWith(producer_id, 'gateway:')
        GROUP BY project, producer_id
    )
SELECT
    project,
    tidegateProducerKind(producer_id) AS producer_kind,
    producer_id,
    minute,
    fate,
    reason,
    toInt64(sum(entry.quantity)) AS quantity
FROM
(
    SELECT project, producer_id, window_start AS minute, 'stored' AS fate, '' AS reason, stored AS quantity
    FROM tidegate.ledger FINAL
    WHERE window_start >= {since:DateTime('UTC')}
    UNION ALL
    SELECT project, producer_id, minute, substring(fate, 3), reason, toInt64(bitCount(bitAnd(bits, bitNot(seen))))
    FROM
    (
        SELECT
            *,
            groupBitOr(bits) OVER (
                PARTITION BY project, producer_id, word ORDER BY fate, minute, reason
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS seen
        FROM claims
    )
    WHERE fate IN ('b_dead_lettered', 'c_dropped', 'd_voided')
    UNION ALL
    SELECT project, producer_id, minute, 'dropped', reason, unnamed
    FROM reports
    WHERE outcome = 'dropped' AND reason != 'duplicate'
    UNION ALL
    SELECT project, producer_id, minute, fate, reason, 1
    FROM letters
    WHERE number = 0
    UNION ALL
    SELECT project, producer_id, minute, taken.1, '', taken.2
    FROM reports
    ARRAY JOIN [('erased', quantity), ('stored', -quantity)] AS taken
    WHERE outcome = 'erased'
    UNION ALL
    SELECT project, producer_id, minute, if(minute > now() - INTERVAL 5 MINUTE, 'in_flight', 'missing'), '', lost
    FROM
    (
        SELECT
            g.project AS project,
            g.producer_id AS producer_id,
            g.minute AS minute,
            sum(g.gap) OVER (
                PARTITION BY g.project, g.producer_id ORDER BY g.word ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS so_far,
            greatest(so_far - u.quantity, 0) - greatest(so_far - g.gap - u.quantity, 0) AS lost
        FROM gaps AS g
        LEFT JOIN unnamed AS u ON u.project = g.project AND u.producer_id = g.producer_id
    )
) AS entry
WHERE minute >= {since:DateTime('UTC')}
GROUP BY project, producer_kind, producer_id, minute, fate, reason
HAVING quantity != 0;

CREATE OR REPLACE VIEW analytics.ledger_entries {on_cluster} AS
SELECT *
FROM analytics.ledger_entries_since(since = now('UTC') - INTERVAL 80 DAY);

-- A page of which nothing is missing and that said that it closed has no row of its own.
DROP VIEW IF EXISTS analytics.ledger {on_cluster};

CREATE OR REPLACE VIEW analytics.ledger {on_cluster} AS
SELECT
    project,
    producer_kind,
    if(e.whole, '', e.producer_id) AS producer_id,
    minute,
    if(producer_kind = 'gateway', 'gateway', 'producer') AS measured_from,
    sumIf(e.quantity, fate != 'voided') AS sent,
    sumIf(e.quantity, fate = 'stored') AS stored,
    sumIf(e.quantity, fate = 'dropped') AS dropped,
    sumMapIf(map(e.reason, toUInt64(e.quantity)), fate = 'dropped') AS dropped_by_reason,
    sumIf(e.quantity, fate = 'dead_lettered') AS dead_lettered,
    sumIf(e.quantity, fate = 'erased') AS erased,
    sumIf(e.quantity, fate = 'in_flight') AS in_flight,
    sumIf(e.quantity, fate = 'missing') AS missing,
    sumIf(e.quantity, fate = 'voided') AS voided
FROM
(
    SELECT
        *,
        producer_kind = 'browser'
            AND sumIf(quantity, fate IN ('in_flight', 'missing')) OVER (PARTITION BY project, producer_id) = 0
            AND producer_id IN (SELECT producer_id FROM tidegate.outcomes WHERE outcome = 'closed') AS whole
    FROM analytics.ledger_entries
) AS e
GROUP BY project, producer_kind, producer_id, minute;

DROP VIEW IF EXISTS analytics.producers {on_cluster};

CREATE OR REPLACE VIEW analytics.producers {on_cluster} AS
SELECT
    e.project AS project,
    e.producer_kind AS producer_kind,
    e.producer_id AS producer_id,
    multiIf(n.closed, 'closed', n.counted, 'counted', 'open') AS state,
    multiIf(state != 'open', toNullable(0), e.producer_kind = 'browser', 1000, NULL) AS tail_at_most,
    min(e.minute) AS first_minute,
    max(e.minute) AS last_minute,
    n.last_number AS last_number,
    sumIf(e.quantity, e.fate != 'voided') AS sent,
    sumIf(e.quantity, e.fate = 'stored') AS stored,
    sumIf(e.quantity, e.fate = 'dropped') AS dropped,
    sumIf(e.quantity, e.fate = 'dead_lettered') AS dead_lettered,
    sumIf(e.quantity, e.fate = 'erased') AS erased,
    sumIf(e.quantity, e.fate = 'in_flight') AS in_flight,
    sumIf(e.quantity, e.fate = 'missing') AS missing,
    sumIf(e.quantity, e.fate = 'voided') AS voided
FROM analytics.ledger_entries AS e
LEFT JOIN
(
    SELECT
        project,
        producer_id,
        max(number) AS last_number,
        maxIf(number, outcome = 'closed') = last_number AND last_number > 0 AS closed,
        maxIf(number, outcome = 'numbered') > 0 AS counted
    FROM
    (
        SELECT project, producer_id, 'stored' AS outcome, toInt64(word * 64 + 1 + bitPositionsToArray(bits)[-1]) AS number
        FROM tidegate.ledger
        WHERE word >= 0
        UNION ALL
        SELECT project, producer_id, outcome, quantity
        FROM tidegate.outcomes
        WHERE outcome IN ('numbered', 'closed') AND quantity BETWEEN 1 AND 1099511627776
    )
    GROUP BY project, producer_id
) AS n ON n.project = e.project AND n.producer_id = e.producer_id
WHERE e.producer_id != ''
GROUP BY project, producer_kind, producer_id, state, last_number;

ALTER TABLE analytics.dead_letters {on_cluster} MODIFY COMMENT 'One row a record that could not become an event, with its reason. Payloads are sealed and not shown.';
ALTER TABLE analytics.outcomes {on_cluster} MODIFY COMMENT 'One row a report of events that were dropped, dead-lettered or erased, by reason, or of how far a producer has numbered.';
ALTER TABLE analytics.ledger_entries {on_cluster} MODIFY COMMENT 'One row a producer, minute of receipt, fate and reason: how many of its events that became of.';
ALTER TABLE analytics.ledger_entries_since {on_cluster} MODIFY COMMENT 'As ledger_entries, from a time on: ledger_entries_since(since = now() - INTERVAL 1 HOUR).';
ALTER TABLE analytics.ledger {on_cluster} MODIFY COMMENT 'One row a producer and minute of receipt: sent = stored + dropped + dead_lettered + erased + in_flight + missing. Complete pages share a row.';
ALTER TABLE analytics.producers {on_cluster} MODIFY COMMENT 'One row a producer: what became of all that it numbered, whether it said that it ended, and what is in flight or missing.';
