-- Persons over the epochs of keys, and visitors of a day told from those that last.

ALTER TABLE tidegate.identities {on_cluster}
    ADD COLUMN IF NOT EXISTS `rotated` UInt8
    COMMENT '1: the pseudonym in `visitor` is called `user` since the next epoch of keys began; the same device or user.'
    AFTER `user`;

ALTER TABLE tidegate.events_track {on_cluster}
    COMMENT COLUMN `previous` 'For alias: pseudonym that is the same person from now on. Otherwise, with consent, after a rotation of keys: what the event\'s own user (for identify, or without a user: visitor) was called before. Else empty.';

CREATE OR REPLACE VIEW analytics.identities {on_cluster} AS
SELECT project, visitor, user, min(first_seen) AS first_seen
FROM (SELECT * FROM tidegate.identities FINAL WHERE rotated = 0)
GROUP BY project, visitor, user;

-- What each pseudonym is called today, through all epochs since. One that has two successors goes on with the later.
-- Without FINAL, which would merge all identities to find these few: a link is the same in each version of its row.
CREATE OR REPLACE VIEW analytics.rotations {on_cluster} AS
WITH RECURSIVE chain AS
(
    SELECT DISTINCT project, visitor AS former, user AS pseudonym, 1 AS epochs
    FROM tidegate.identities
    WHERE rotated = 1
    UNION ALL
    SELECT c.project AS project, c.former AS former, n.user AS pseudonym, c.epochs + 1 AS epochs
    FROM chain AS c
    INNER JOIN (SELECT DISTINCT project, visitor, user FROM tidegate.identities WHERE rotated = 1) AS n
        ON n.project = c.project AND n.visitor = c.pseudonym
    WHERE c.epochs < 64
)
SELECT project, former, argMax(pseudonym, (epochs, pseudonym)) AS pseudonym
FROM chain
GROUP BY project, former;

-- Whom an event's user (`is_user` 1) or visitor (0) counts for, if for anyone but itself. Of the visitors in rotations, those
-- without a user in their own epoch count for what they are called today, or for the first user of that.
CREATE OR REPLACE VIEW analytics.persons {on_cluster} AS
SELECT r.project AS project, 1 AS is_user, r.former AS pseudonym, r.pseudonym AS person
FROM analytics.rotations AS r
UNION ALL
SELECT v.project, 0, v.visitor, if(r.pseudonym != '', r.pseudonym, v.first_user)
FROM analytics.visitors AS v
LEFT JOIN analytics.rotations AS r ON r.project = v.project AND r.former = v.first_user
UNION ALL
SELECT d.project, 0, d.former, multiIf(u.pseudonym != '', u.pseudonym, v.first_user != '', v.first_user, d.pseudonym)
FROM
(
    SELECT * FROM analytics.rotations WHERE (project, former) NOT IN
    (
        SELECT project, visitor FROM tidegate.identities
        WHERE rotated = 0 AND (project, visitor) IN (SELECT project, former FROM analytics.rotations)
    )
) AS d
LEFT JOIN
(
    SELECT project, visitor, argMin(user, (first_seen, user)) AS first_user FROM tidegate.identities
    WHERE rotated = 0 AND (project, visitor) IN (SELECT project, pseudonym FROM analytics.rotations)
    GROUP BY project, visitor
) AS v ON v.project = d.project AND v.visitor = d.pseudonym
LEFT JOIN analytics.rotations AS u ON u.project = v.project AND u.former = v.first_user;

CREATE OR REPLACE VIEW analytics.events {on_cluster} AS
SELECT
    e.*,
    if(p.person != '', p.person, if(e.user != '', e.user, e.visitor)) AS person,
    startsWith(e.visitor, 'day-') AS cookieless
FROM (SELECT * EXCEPT (version) FROM tidegate.events_track FINAL) AS e
LEFT JOIN analytics.persons AS p
    ON e.project = p.project AND (e.user != '') = p.is_user AND if(e.user != '', e.user, e.visitor) = p.pseudonym;

CREATE OR REPLACE VIEW analytics.errors {on_cluster} AS
SELECT
    e.*,
    if(p.person != '', p.person, if(e.user != '', e.user, e.visitor)) AS person,
    startsWith(e.visitor, 'day-') AS cookieless
FROM (SELECT * EXCEPT (version) FROM tidegate.events_error FINAL) AS e
LEFT JOIN analytics.persons AS p
    ON e.project = p.project AND (e.user != '') = p.is_user AND if(e.user != '', e.user, e.visitor) = p.pseudonym;

CREATE OR REPLACE VIEW analytics.sessions {on_cluster} AS
SELECT
    s.project AS project,
    s.visitor AS visitor,
    if(p.person != '', p.person, if(s.user != '', s.user, s.visitor)) AS person,
    s.user AS user,
    startsWith(s.visitor, 'day-') AS cookieless,
    s.started_at AS started_at,
    s.ended_at AS ended_at,
    dateDiff('millisecond', s.started_at, s.ended_at) / 1000 AS duration_seconds,
    s.pageviews AS pageviews,
    s.events AS events,
    e.errors AS errors,
    s.features AS features,
    s.entry_url AS entry_url,
    s.exit_url AS exit_url,
    s.release AS release,
    s.environment AS environment,
    s.source_partition AS source_partition,
    s.first_offset AS first_offset,
    s.revision AS revision,
    s.final AS final
FROM (SELECT * FROM tidegate.sessions FINAL) AS s
LEFT JOIN analytics.persons AS p
    ON s.project = p.project AND (s.user != '') = p.is_user AND if(s.user != '', s.user, s.visitor) = p.pseudonym
LEFT JOIN
(
    SELECT o.project AS project, o.visitor AS visitor, o.source_partition AS source_partition,
        o.first_offset AS first_offset, sum(1 / x.sample_rate) AS errors
    FROM (SELECT * FROM tidegate.sessions FINAL) AS o
    INNER JOIN
    (
        SELECT project, visitor, occurred_at, sample_rate FROM tidegate.events_error FINAL WHERE visitor != ''
    ) AS x ON o.project = x.project AND o.visitor = x.visitor
    WHERE x.occurred_at >= o.started_at AND x.occurred_at <= o.ended_at + INTERVAL 30 MINUTE
    GROUP BY project, visitor, source_partition, first_offset
) AS e ON s.project = e.project AND s.visitor = e.visitor
    AND s.source_partition = e.source_partition AND s.first_offset = e.first_offset;

CREATE OR REPLACE VIEW analytics.activity {on_cluster} AS
SELECT
    a.window_start AS window_start,
    a.project AS project,
    a.visitor AS visitor,
    a.user AS user,
    if(p.person != '', p.person, if(a.user != '', a.user, a.visitor)) AS person,
    a.events AS events,
    a.features AS features,
    a.cookieless AS cookieless
FROM
(
    SELECT window_start, project, visitor, user, sum(f.events) AS events, groupUniqArrayArray(f.features) AS features,
        max(f.cookieless) AS cookieless
    FROM (SELECT * FROM tidegate.activity FINAL) AS f
    GROUP BY window_start, project, visitor, user
) AS a
LEFT JOIN analytics.persons AS p
    ON a.project = p.project AND (a.user != '') = p.is_user AND if(a.user != '', a.user, a.visitor) = p.pseudonym;

-- Visitors of a day would count once a day, so they stay out, and are told beside the number.
CREATE OR REPLACE VIEW analytics.mau {on_cluster} AS
SELECT
    toStartOfMonth(window_start) AS month,
    project,
    uniqExactIf(person, cookieless = 0) AS users,
    uniqExactIf(visitor, cookieless = 1) AS cookieless_visitors
FROM analytics.activity
GROUP BY month, project;

CREATE OR REPLACE VIEW analytics.dau {on_cluster} AS
SELECT
    toDate(window_start) AS day,
    project,
    uniqExact(person) AS users,
    uniqExactIf(visitor, cookieless = 1) AS cookieless_visitors
FROM analytics.activity
GROUP BY day, project;

ALTER TABLE analytics.activity {on_cluster} MODIFY COMMENT 'One row a visitor, signed-in user and quarter of an hour: events and features used. A day of any time zone is a range of rows. Over several days leave out `cookieless` ones: they count anew each day. Where events are sampled (analytics.sampling): the visitors who were kept.';
ALTER TABLE analytics.dau {on_cluster} MODIFY COMMENT 'One row a day (UTC): persons who were active, and how many of these are visitors without consent, who have another name tomorrow. Where events are sampled (analytics.sampling): those who were kept, no estimate of all.';
ALTER TABLE analytics.errors {on_cluster} MODIFY COMMENT 'One row an exception.';
ALTER TABLE analytics.events {on_cluster} MODIFY COMMENT 'One row a product event: track, page, screen, identify, group, alias.';
ALTER TABLE analytics.identities {on_cluster} MODIFY COMMENT 'One row a visitor and user who were seen together, and when first.';
ALTER TABLE analytics.mau {on_cluster} MODIFY COMMENT 'One row a calendar month (UTC): persons who were active. Visitors without consent are left out, as each would count once a day; how many such days there were is beside it. Where events are sampled (analytics.sampling): those who were kept, no estimate of all.';
ALTER TABLE analytics.persons {on_cluster} MODIFY COMMENT 'One row a pseudonym that counts for somebody else than itself: a visitor for its first user, an earlier epoch\'s pseudonym for today\'s.';
ALTER TABLE analytics.rotations {on_cluster} MODIFY COMMENT 'One row a pseudonym of an earlier epoch of keys that consent linked to its successor, and what it is called today.';
ALTER TABLE analytics.sessions {on_cluster} MODIFY COMMENT 'One row a session: a visitor\'s track events with no gap of 30 minutes, for 24 hours at most, and the errors in it. A `cookieless` visitor\'s is nobody\'s of the day before. Where events are sampled (analytics.sampling): the sessions that were kept; events and pageviews are weighted, errors are those of these sessions.';
