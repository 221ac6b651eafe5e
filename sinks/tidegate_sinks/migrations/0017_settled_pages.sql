-- Pages that closed, that are accounted for to the last number and that have rested for a day are settled: the ledger keeps
-- their sums by minute and, so that nothing of them counts again, how far each was settled. `tidegate_sinks.settling` does it.

CREATE TABLE IF NOT EXISTS tidegate.ledger_pages {on_cluster}
(
    `project` LowCardinality(String) COMMENT 'Project.',
    `page` FixedString(16) COMMENT 'The settled page\'s producer id; zeros for a sum of all of them.',
    `minute` DateTime('UTC') COMMENT 'Minute of receipt, UTC; a page\'s last.',
    `fate` LowCardinality(String) COMMENT 'What became of the events; page: how far the page is settled; run: that there was one.',
    `reason` LowCardinality(String) COMMENT 'Named reason; of a run its number.',
    `quantity` Int64 COMMENT 'How many events, or numbers of the page: rows of a key add up.'
)
ENGINE = {engine}SummingMergeTree(quantity)
ORDER BY (project, page, minute, fate, reason)
TTL minute + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 100, merge_with_ttl_timeout = 86400
COMMENT 'Settled pages: what became of their events by minute, and how far each is settled.';

CREATE FUNCTION IF NOT EXISTS tidegateIsPage {on_cluster} AS (producer_id) -> match(producer_id, '^browser:[0-9a-f]{32}$');

CREATE FUNCTION IF NOT EXISTS tidegatePage {on_cluster} AS (producer_id) -> toFixedString(unhex(substring(producer_id, 9, 32)), 16);

CREATE FUNCTION IF NOT EXISTS tidegatePageProducer {on_cluster} AS (page) -> concat('browser:', lower(hex(page)));

-- Those of the 64 numbers of a word that are not above the last one.
CREATE FUNCTION IF NOT EXISTS tidegateSettledBits {on_cluster} AS (word, last) ->
    multiIf(
        last <= word * 64, toUInt64(0),
        last >= word * 64 + 64, toUInt64(18446744073709551615),
        bitShiftRight(toUInt64(18446744073709551615), toUInt8(63 - (last - word * 64 - 1) % 64)));

-- Of each number the first account that there is of it: settled with its page, stored, dead-lettered, dropped, spent on a copy. A number below the
-- highest known without any is in flight for five minutes, then missing; it is put into the last minute of the 64 numbers
-- that it is one of. What a producer reports as dropped without naming numbers accounts for such gaps, earliest first.
-- A report counts once, in the minute in which it was first told: told again later, it is another row.
-- `since` is what it costs by: only words from the first one on that a producer used since then are looked at.
CREATE OR REPLACE VIEW analytics.ledger_entries_since {on_cluster} AS
WITH
    live AS
    (
        SELECT project, producer_id, word FROM tidegate.ledger WHERE word >= 0 AND window_start >= {since:DateTime('UTC')}
        UNION ALL
        SELECT project, producer_id, intDiv(sequence - 1, 64) FROM tidegate.dead_letters
        WHERE sequence BETWEEN 1 AND 1099511627776 AND occurred_at >= {since:DateTime('UTC')}
        UNION ALL
        SELECT project, producer_id, intDiv(greatest(if(outcome IN ('numbered', 'closed'), quantity, sequences[1]), 1) - 1, 64)
        FROM tidegate.outcomes
        WHERE minute >= {since:DateTime('UTC')} AND (outcome IN ('numbered', 'closed') OR notEmpty(sequences))
    ),
    settled AS
    (
        SELECT project, tidegatePageProducer(page) AS producer_id, sum(quantity) AS last, max(minute) AS at
        FROM tidegate.ledger_pages
        WHERE fate = 'page' AND (project, page) IN (SELECT project, tidegatePage(producer_id) FROM live WHERE tidegateIsPage(producer_id))
        GROUP BY project, page
    ),
    starts AS
    (
        SELECT
            s.project AS project,
            s.producer_id AS producer_id,
            min(s.word) AS first,
            if(max(s.known) OR (project, producer_id) IN (SELECT l.project, l.producer_id FROM tidegate.ledger AS l WHERE l.window_start < {since:DateTime('UTC')}),
                first - 1, -1) AS before
        FROM
        (
            SELECT project, producer_id, word, 0 AS known FROM live
            UNION ALL
            SELECT project, producer_id, if(at < {since:DateTime('UTC')}, toInt64(9223372036854775807), 0), at < {since:DateTime('UTC')} FROM settled
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
        ORDER BY minute
        LIMIT 1 BY project, outcome_id
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
        WHERE word >= 0 AND (project, producer_id) IN (SELECT project, producer_id FROM live)
        GROUP BY project, producer_id, word, minute
        UNION ALL
        SELECT project, producer_id, toInt64(arrayJoin(range(toUInt64(intDiv(last - 1, 64) + 1)))) AS spanned, 'a_settled', at, '',
            tidegateSettledBits(spanned, last), 0
        FROM settled
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
            AND (project, producer_id) IN (SELECT project, producer_id FROM live)
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
    tidegateProducerKind(entry.producer_id) AS producer_kind,
    if(entry.producer_id = 'browser:', '', entry.producer_id) AS producer_id,
    minute,
    fate,
    reason,
    toInt64(sum(entry.quantity)) AS quantity
FROM
(
    SELECT
        l.project AS project,
        l.producer_id AS producer_id,
        l.window_start AS minute,
        'stored' AS fate,
        '' AS reason,
        if(p.last = 0 OR l.word < 0, l.stored, toInt64(bitCount(bitAnd(l.bits, bitNot(tidegateSettledBits(l.word, p.last)))))) AS quantity
    FROM tidegate.ledger AS l FINAL
    LEFT JOIN settled AS p ON p.project = l.project AND p.producer_id = l.producer_id
    WHERE l.window_start >= {since:DateTime('UTC')}
    UNION ALL
    SELECT project, 'browser:', minute, fate, reason, quantity
    FROM tidegate.ledger_pages
    WHERE fate NOT IN ('page', 'run') AND minute >= {since:DateTime('UTC')}
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

DROP VIEW IF EXISTS analytics.producers {on_cluster};

CREATE OR REPLACE VIEW analytics.producers {on_cluster} AS
SELECT
    e.project AS project,
    e.producer_kind AS producer_kind,
    e.producer_id AS producer_id,
    multiIf(n.closed OR e.producer_id = '', 'closed', n.counted, 'counted', 'open') AS state,
    multiIf(state != 'open', toNullable(0), e.producer_kind = 'browser', 1000, NULL) AS tail_at_most,
    min(e.minute) AS first_minute,
    max(e.minute) AS last_minute,
    if(e.producer_id = '', 0, n.last_number) AS last_number,
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
WHERE e.producer_id != '' OR e.producer_kind = 'browser'
GROUP BY project, producer_kind, producer_id, state, last_number;

ALTER TABLE analytics.ledger_entries_since {on_cluster} MODIFY COMMENT 'One row as in ledger_entries, from a time on: ledger_entries_since(since = now() - INTERVAL 1 HOUR).';
ALTER TABLE analytics.producers {on_cluster} MODIFY COMMENT 'One row a producer: what became of all that it numbered, whether it said that it ended, and what is in flight or missing. Settled pages share one, with an empty producer_id.';
