-- What people decided about being measured, and when: the proof of consent, and the share of those who give it.

CREATE TABLE IF NOT EXISTS tidegate.consents {on_cluster}
(
    `decision_id` UUID COMMENT 'Event id of the decision: a retry has the same one.',
    `project` LowCardinality(String) COMMENT 'Project.',
    `pseudonym` String COMMENT 'Pseudonym, 32 hexadecimal digits, of a user\'s or a device\'s id that the decision is about; a decision about both has a record for each.',
    `decision` LowCardinality(String) COMMENT 'granted, anonymous, denied or withdrawn.',
    `consent_version` LowCardinality(String) COMMENT 'Version of the text that was shown; empty if not said.',
    `purposes` Array(LowCardinality(String)) COMMENT 'What it is about; empty: everything.',
    `decided_at` DateTime64(6, 'UTC') COMMENT 'When it was decided, at the latest when the edge took it, UTC.',
    `received_at` DateTime64(6, 'UTC') COMMENT 'When our edge took it, UTC.',
    `erase` Bool COMMENT 'Whether what is stored about the pseudonym is to be erased.',
    `producer_id` String COMMENT 'Producer that told it.',
    `source_partition` UInt16 COMMENT 'Partition of the topic that this row was read from.',
    `topic_offset` Int64 COMMENT 'Offset in that topic.',
    `inserted_at` DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When this row was written, UTC.',
    `version` UInt64 COMMENT 'Topic generation and offset in one number; the highest wins.'
)
ENGINE = {engine}ReplacingMergeTree(version)
ORDER BY (project, decided_at, decision_id, pseudonym)
TTL toDateTime(decided_at) + INTERVAL 5 YEAR
COMMENT 'Decisions about consent, under pseudonyms.';

-- Decisions of people whom nobody knows (asked first, and no id sent) are events without a person; all others are in the
-- table, once for each id of the person.
CREATE OR REPLACE VIEW analytics.consents {on_cluster} AS
SELECT
    d.project AS project,
    toDate(d.at) AS day,
    d.purpose AS purpose,
    d.consent_version AS consent_version,
    uniqExactIf(d.decision_id, d.decision = 'granted') AS granted,
    uniqExactIf(d.decision_id, d.decision = 'anonymous') AS anonymous,
    uniqExactIf(d.decision_id, d.decision = 'denied') AS denied,
    uniqExactIf(d.decision_id, d.decision = 'withdrawn') AS withdrawn,
    if(granted + anonymous + denied > 0, granted / (granted + anonymous + denied), NULL) AS consent_rate
FROM
(
    SELECT
        project,
        decided_at AS at,
        arrayJoin(if(empty(purposes), ['everything'], arrayMap(each -> toString(each), purposes))) AS purpose,
        toString(consent_version) AS consent_version,
        toString(decision) AS decision,
        decision_id
    FROM tidegate.consents FINAL
    UNION ALL
    SELECT
        project,
        least(occurred_at, received_at) AS at,
        arrayJoin(if(empty(named), ['everything'], named)) AS purpose,
        JSONExtractString(told, 'version') AS consent_version,
        JSONExtractString(told, 'state') AS decision,
        event_id AS decision_id
    FROM
    (
        SELECT
            project,
            occurred_at,
            received_at,
            event_id,
            toString(properties) AS told,
            JSONExtract(told, 'purposes', 'Array(String)') AS named
        FROM tidegate.events_track FINAL
        WHERE name = 'consent' AND type = 'track' AND consent = 'anonymous'
    )
    WHERE decision IN ('granted', 'anonymous', 'denied', 'withdrawn')
) AS d
GROUP BY project, day, purpose, consent_version;

ALTER TABLE analytics.consents {on_cluster} MODIFY COMMENT 'One row a project, day, purpose and version of the text: how many decided what, and the share of those asked who agreed.';
