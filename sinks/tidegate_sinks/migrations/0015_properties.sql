-- What each event carries: the properties seen of it, so that one that nobody meant to send is noticed.
--
-- Filled by materialised views when events are inserted. Events are inserted again after a crash, as they are: so every
-- column is one that a row may enter twice. A plain count would double; the number of different event ids doesn't.
-- At most 5,000 rows a project and kind, so that names made of ids don't fill it: what comes later is (other).

CREATE TABLE IF NOT EXISTS tidegate.properties {on_cluster}
(
    `project` LowCardinality(String) COMMENT 'Project that the write key belongs to.',
    `kind` LowCardinality(String) COMMENT 'Kind of the events.',
    `event` String COMMENT 'Event name.',
    `field` LowCardinality(String) COMMENT 'properties or attributes.',
    `property` String COMMENT 'Name of the property; a nested one\'s with dots between.',
    `types` SimpleAggregateFunction(groupUniqArrayArray, Array(String)) COMMENT 'Types of its values.',
    `first_seen` SimpleAggregateFunction(min, DateTime('UTC')) COMMENT 'When it was first received, UTC.',
    `last_seen` SimpleAggregateFunction(max, DateTime('UTC')) COMMENT 'When it was last received, UTC.',
    `event_ids` AggregateFunction(uniqHLL12, UUID) COMMENT 'Sketch of the ids of the events that had it.'
)
ENGINE = {engine}AggregatingMergeTree
ORDER BY (project, kind, event, field, property)
TTL last_seen + INTERVAL 13 MONTH
COMMENT 'Properties that events carried, by event.';

CREATE MATERIALIZED VIEW IF NOT EXISTS tidegate.properties_of_track {on_cluster} TO tidegate.properties AS
WITH
    seen AS
    (
        SELECT
            project,
            leftUTF8(name, 200) AS event,
            member.1 AS field,
            leftUTF8(member.2, 200) AS property,
            multiIf(
                member.3 = 'String', 'text', member.3 = 'Bool', 'boolean', startsWith(member.3, 'Array'), 'list',
                match(member.3, '^(U?Int|Float|Decimal)'), 'number', startsWith(member.3, 'Date'), 'time', member.3
            ) AS type,
            received_at,
            event_id
        FROM tidegate.events_track
        ARRAY JOIN arraySlice(arrayMap(pair -> ('properties', pair.1, pair.2), JSONAllPathsWithTypes(properties)::Array(Tuple(String, String))), 1, 200) AS member
    ),
    grouped AS
    (
        SELECT
            project,
            event,
            field,
            property,
            groupUniqArray(type) AS types,
            min(received_at) AS first_seen,
            max(received_at) AS last_seen,
            uniqHLL12State(event_id) AS event_ids
        FROM seen
        GROUP BY project, event, field, property
    ),
    ranked AS
    (
        SELECT
            *,
            (project, event, field, property) IN (
                SELECT project, event, field, property FROM tidegate.properties WHERE kind = 'track'
            ) AS known,
            row_number() OVER (PARTITION BY project, known ORDER BY event, field, property)
                + (
                    SELECT sumMap(map(toString(project), 1))
                    FROM (SELECT DISTINCT project, event, field, property FROM tidegate.properties WHERE kind = 'track')
                )[toString(project)] AS place
        FROM grouped
    )
SELECT
    project,
    'track' AS kind,
    if(known OR place <= 5000, event, '(other)') AS event,
    field,
    if(known OR place <= 5000, property, '(other)') AS property,
    groupUniqArrayArray(types) AS types,
    toDateTime(min(first_seen), 'UTC') AS first_seen,
    toDateTime(max(last_seen), 'UTC') AS last_seen,
    uniqHLL12MergeState(event_ids) AS event_ids
FROM ranked
GROUP BY project, event, field, property;

CREATE MATERIALIZED VIEW IF NOT EXISTS tidegate.properties_of_error {on_cluster} TO tidegate.properties AS
WITH
    seen AS
    (
        SELECT
            project,
            leftUTF8(name, 200) AS event,
            member.1 AS field,
            leftUTF8(member.2, 200) AS property,
            multiIf(
                member.3 = 'String', 'text', member.3 = 'Bool', 'boolean', startsWith(member.3, 'Array'), 'list',
                match(member.3, '^(U?Int|Float|Decimal)'), 'number', startsWith(member.3, 'Date'), 'time', member.3
            ) AS type,
            received_at,
            event_id
        FROM tidegate.events_error
        ARRAY JOIN arraySlice(arrayMap(pair -> ('properties', pair.1, pair.2), JSONAllPathsWithTypes(properties)::Array(Tuple(String, String))), 1, 200) AS member
    ),
    grouped AS
    (
        SELECT
            project,
            event,
            field,
            property,
            groupUniqArray(type) AS types,
            min(received_at) AS first_seen,
            max(received_at) AS last_seen,
            uniqHLL12State(event_id) AS event_ids
        FROM seen
        GROUP BY project, event, field, property
    ),
    ranked AS
    (
        SELECT
            *,
            (project, event, field, property) IN (
                SELECT project, event, field, property FROM tidegate.properties WHERE kind = 'error'
            ) AS known,
            row_number() OVER (PARTITION BY project, known ORDER BY event, field, property)
                + (
                    SELECT sumMap(map(toString(project), 1))
                    FROM (SELECT DISTINCT project, event, field, property FROM tidegate.properties WHERE kind = 'error')
                )[toString(project)] AS place
        FROM grouped
    )
SELECT
    project,
    'error' AS kind,
    if(known OR place <= 5000, event, '(other)') AS event,
    field,
    if(known OR place <= 5000, property, '(other)') AS property,
    groupUniqArrayArray(types) AS types,
    toDateTime(min(first_seen), 'UTC') AS first_seen,
    toDateTime(max(last_seen), 'UTC') AS last_seen,
    uniqHLL12MergeState(event_ids) AS event_ids
FROM ranked
GROUP BY project, event, field, property;

CREATE MATERIALIZED VIEW IF NOT EXISTS tidegate.properties_of_span {on_cluster} TO tidegate.properties AS
WITH
    seen AS
    (
        SELECT
            project,
            leftUTF8(name, 200) AS event,
            member.1 AS field,
            leftUTF8(member.2, 200) AS property,
            multiIf(
                member.3 = 'String', 'text', member.3 = 'Bool', 'boolean', startsWith(member.3, 'Array'), 'list',
                match(member.3, '^(U?Int|Float|Decimal)'), 'number', startsWith(member.3, 'Date'), 'time', member.3
            ) AS type,
            received_at,
            event_id
        FROM tidegate.events_span
        ARRAY JOIN arraySlice(arrayMap(pair -> ('properties', pair.1, pair.2), JSONAllPathsWithTypes(properties)::Array(Tuple(String, String))), 1, 200) AS member
    ),
    grouped AS
    (
        SELECT
            project,
            event,
            field,
            property,
            groupUniqArray(type) AS types,
            min(received_at) AS first_seen,
            max(received_at) AS last_seen,
            uniqHLL12State(event_id) AS event_ids
        FROM seen
        GROUP BY project, event, field, property
    ),
    ranked AS
    (
        SELECT
            *,
            (project, event, field, property) IN (
                SELECT project, event, field, property FROM tidegate.properties WHERE kind = 'span'
            ) AS known,
            row_number() OVER (PARTITION BY project, known ORDER BY event, field, property)
                + (
                    SELECT sumMap(map(toString(project), 1))
                    FROM (SELECT DISTINCT project, event, field, property FROM tidegate.properties WHERE kind = 'span')
                )[toString(project)] AS place
        FROM grouped
    )
SELECT
    project,
    'span' AS kind,
    if(known OR place <= 5000, event, '(other)') AS event,
    field,
    if(known OR place <= 5000, property, '(other)') AS property,
    groupUniqArrayArray(types) AS types,
    toDateTime(min(first_seen), 'UTC') AS first_seen,
    toDateTime(max(last_seen), 'UTC') AS last_seen,
    uniqHLL12MergeState(event_ids) AS event_ids
FROM ranked
GROUP BY project, event, field, property;

CREATE MATERIALIZED VIEW IF NOT EXISTS tidegate.properties_of_metric {on_cluster} TO tidegate.properties AS
WITH
    seen AS
    (
        SELECT
            project,
            leftUTF8(name, 200) AS event,
            member.1 AS field,
            leftUTF8(member.2, 200) AS property,
            multiIf(
                member.3 = 'String', 'text', member.3 = 'Bool', 'boolean', startsWith(member.3, 'Array'), 'list',
                match(member.3, '^(U?Int|Float|Decimal)'), 'number', startsWith(member.3, 'Date'), 'time', member.3
            ) AS type,
            received_at,
            event_id
        FROM tidegate.events_metric
        ARRAY JOIN arraySlice(arrayConcat(arrayMap(pair -> ('properties', pair.1, pair.2), JSONAllPathsWithTypes(properties)::Array(Tuple(String, String))), arrayMap(pair -> ('attributes', pair.1, pair.2), JSONAllPathsWithTypes(attributes)::Array(Tuple(String, String)))), 1, 200) AS member
    ),
    grouped AS
    (
        SELECT
            project,
            event,
            field,
            property,
            groupUniqArray(type) AS types,
            min(received_at) AS first_seen,
            max(received_at) AS last_seen,
            uniqHLL12State(event_id) AS event_ids
        FROM seen
        GROUP BY project, event, field, property
    ),
    ranked AS
    (
        SELECT
            *,
            (project, event, field, property) IN (
                SELECT project, event, field, property FROM tidegate.properties WHERE kind = 'metric'
            ) AS known,
            row_number() OVER (PARTITION BY project, known ORDER BY event, field, property)
                + (
                    SELECT sumMap(map(toString(project), 1))
                    FROM (SELECT DISTINCT project, event, field, property FROM tidegate.properties WHERE kind = 'metric')
                )[toString(project)] AS place
        FROM grouped
    )
SELECT
    project,
    'metric' AS kind,
    if(known OR place <= 5000, event, '(other)') AS event,
    field,
    if(known OR place <= 5000, property, '(other)') AS property,
    groupUniqArrayArray(types) AS types,
    toDateTime(min(first_seen), 'UTC') AS first_seen,
    toDateTime(max(last_seen), 'UTC') AS last_seen,
    uniqHLL12MergeState(event_ids) AS event_ids
FROM ranked
GROUP BY project, event, field, property;

CREATE MATERIALIZED VIEW IF NOT EXISTS tidegate.properties_of_log {on_cluster} TO tidegate.properties AS
WITH
    seen AS
    (
        SELECT
            project,
            leftUTF8(name, 200) AS event,
            member.1 AS field,
            leftUTF8(member.2, 200) AS property,
            multiIf(
                member.3 = 'String', 'text', member.3 = 'Bool', 'boolean', startsWith(member.3, 'Array'), 'list',
                match(member.3, '^(U?Int|Float|Decimal)'), 'number', startsWith(member.3, 'Date'), 'time', member.3
            ) AS type,
            received_at,
            event_id
        FROM tidegate.events_log
        ARRAY JOIN arraySlice(arrayConcat(arrayMap(pair -> ('properties', pair.1, pair.2), JSONAllPathsWithTypes(properties)::Array(Tuple(String, String))), arrayMap(pair -> ('attributes', pair.1, pair.2), JSONAllPathsWithTypes(attributes)::Array(Tuple(String, String)))), 1, 200) AS member
    ),
    grouped AS
    (
        SELECT
            project,
            event,
            field,
            property,
            groupUniqArray(type) AS types,
            min(received_at) AS first_seen,
            max(received_at) AS last_seen,
            uniqHLL12State(event_id) AS event_ids
        FROM seen
        GROUP BY project, event, field, property
    ),
    ranked AS
    (
        SELECT
            *,
            (project, event, field, property) IN (
                SELECT project, event, field, property FROM tidegate.properties WHERE kind = 'log'
            ) AS known,
            row_number() OVER (PARTITION BY project, known ORDER BY event, field, property)
                + (
                    SELECT sumMap(map(toString(project), 1))
                    FROM (SELECT DISTINCT project, event, field, property FROM tidegate.properties WHERE kind = 'log')
                )[toString(project)] AS place
        FROM grouped
    )
SELECT
    project,
    'log' AS kind,
    if(known OR place <= 5000, event, '(other)') AS event,
    field,
    if(known OR place <= 5000, property, '(other)') AS property,
    groupUniqArrayArray(types) AS types,
    toDateTime(min(first_seen), 'UTC') AS first_seen,
    toDateTime(max(last_seen), 'UTC') AS last_seen,
    uniqHLL12MergeState(event_ids) AS event_ids
FROM ranked
GROUP BY project, event, field, property;

CREATE MATERIALIZED VIEW IF NOT EXISTS tidegate.properties_of_health {on_cluster} TO tidegate.properties AS
WITH
    seen AS
    (
        SELECT
            project,
            leftUTF8(name, 200) AS event,
            member.1 AS field,
            leftUTF8(member.2, 200) AS property,
            multiIf(
                member.3 = 'String', 'text', member.3 = 'Bool', 'boolean', startsWith(member.3, 'Array'), 'list',
                match(member.3, '^(U?Int|Float|Decimal)'), 'number', startsWith(member.3, 'Date'), 'time', member.3
            ) AS type,
            received_at,
            event_id
        FROM tidegate.events_health
        ARRAY JOIN arraySlice(arrayMap(pair -> ('properties', pair.1, pair.2), JSONAllPathsWithTypes(properties)::Array(Tuple(String, String))), 1, 200) AS member
    ),
    grouped AS
    (
        SELECT
            project,
            event,
            field,
            property,
            groupUniqArray(type) AS types,
            min(received_at) AS first_seen,
            max(received_at) AS last_seen,
            uniqHLL12State(event_id) AS event_ids
        FROM seen
        GROUP BY project, event, field, property
    ),
    ranked AS
    (
        SELECT
            *,
            (project, event, field, property) IN (
                SELECT project, event, field, property FROM tidegate.properties WHERE kind = 'health'
            ) AS known,
            row_number() OVER (PARTITION BY project, known ORDER BY event, field, property)
                + (
                    SELECT sumMap(map(toString(project), 1))
                    FROM (SELECT DISTINCT project, event, field, property FROM tidegate.properties WHERE kind = 'health')
                )[toString(project)] AS place
        FROM grouped
    )
SELECT
    project,
    'health' AS kind,
    if(known OR place <= 5000, event, '(other)') AS event,
    field,
    if(known OR place <= 5000, property, '(other)') AS property,
    groupUniqArrayArray(types) AS types,
    toDateTime(min(first_seen), 'UTC') AS first_seen,
    toDateTime(max(last_seen), 'UTC') AS last_seen,
    uniqHLL12MergeState(event_ids) AS event_ids
FROM ranked
GROUP BY project, event, field, property;

CREATE OR REPLACE VIEW analytics.properties {on_cluster} AS
SELECT
    project,
    kind,
    event,
    field,
    property,
    arraySort(groupUniqArrayArray(p.types)) AS types,
    toDateTime(min(p.first_seen), 'UTC') AS first_seen,
    toDateTime(max(p.last_seen), 'UTC') AS last_seen,
    uniqHLL12Merge(p.event_ids) AS approximate_events
FROM tidegate.properties AS p
GROUP BY project, kind, event, field, property;

ALTER TABLE analytics.properties {on_cluster} MODIFY COMMENT 'One row a property that events of a name carried: its types, when it was first and last received. Past 5,000 a project and kind: (other).';
