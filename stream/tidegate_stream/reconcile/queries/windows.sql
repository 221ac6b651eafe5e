-- Hours in which an aggregate differs from the archive: the frame of every comparison by windows. The innermost SELECT
-- gives, for each archived event and for each row of the aggregate, its window_start, project, partition, a key of its
-- dimensions, is_row (1 for a row of the aggregate), and measures: (name, expected, found). Which ones these are is said
-- once for all comparisons, in archived.sql and aggregated.sql.
SELECT
    toStartOfHour(window_start) AS hour,
    hour + INTERVAL 1 HOUR AS hour_end,
    project,
    partition,
    measure,
    sum(expected) AS expected,
    sum(found) AS found,
    countIf(differs) AS windows,
    sumIf(overlaps, differs) AS overlapping
FROM
(
    SELECT
        window_start,
        project,
        partition,
        measure,
        sum(key_expected) AS expected,
        sum(key_found) AS found,
        abs(expected - found) > {tolerance:Float64} * greatest(1, expected) AS differs,
        countIf(row_count > 1 AND key_found > key_expected + {tolerance:Float64} * greatest(1, key_expected)) AS overlaps
    FROM
    (
        SELECT
            window_start,
            project,
            partition,
            key,
            measured.1 AS measure,
            sum(is_row) AS row_count,
            sum(measured.2) AS key_expected,
            sum(measured.3) AS key_found
        FROM
        (
{rows}
        )
        ARRAY JOIN measures AS measured
        GROUP BY window_start, project, partition, key, measure
    )
    GROUP BY window_start, project, partition, measure
)
GROUP BY hour, project, partition, measure
HAVING windows > 0
ORDER BY hour, project, partition, measure
