-- Sessions as clients reported and counted them, by the archive and by release_health. Marks don't add up: of a session,
-- however many rows it has, the greatest counts.
SELECT
    window_start,
    project,
    partition,
    key,
    is_row,
    [
        ('init', if(is_row, 0., began), if(is_row, began, 0.)),
        ('crashed', if(is_row, 0., broke), if(is_row, broke, 0.)),
        ('counted', if(is_row, 0., number), if(is_row, number, 0.)),
        ('counted_crashed', if(is_row, 0., broken), if(is_row, broken, 0.))
    ] AS measures
FROM
(
    SELECT
        toDateTime(toStartOfInterval(occurred_at, INTERVAL 10 MINUTE), 'UTC') AS window_start,
        project,
        source_partition AS partition,
        cityHash64(environment, release, if(named, session, user)) AS key,
        0 AS is_row,
        toFloat64(max(named AND init)) AS began,
        toFloat64(max(named AND state = 'crashed')) AS broke,
        toFloat64(sum(sessions)) AS number,
        toFloat64(sumIf(sessions, state = 'crashed')) AS broken
    FROM
    (
        SELECT
            *,
            report = 'session' AND session != '' AS named,
            multiIf(named, 0, report = 'sessions', quantity, toInt64(init)) AS sessions
        FROM tidegate.events_health FINAL
        WHERE {archived}
            AND report IN ('session', 'sessions')
    )
    GROUP BY window_start, project, partition, key
    UNION ALL
    SELECT
        window_start,
        project,
        source_partition,
        cityHash64(environment, release, session_or_user),
        1,
        toFloat64(max(w.init)),
        toFloat64(max(w.crashed)),
        toFloat64(sum(w.counted)),
        toFloat64(sum(w.counted_crashed))
    FROM (SELECT * FROM tidegate.release_health FINAL WHERE {aggregated}) AS w
    GROUP BY window_start, project, source_partition, environment, release, session_or_user
)
