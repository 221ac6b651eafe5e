-- The last erasure in each partition: an offset of the log without a row in the archive.
SELECT place, max(at) AS offset
FROM tidegate.erasures FINAL
ARRAY JOIN mapKeys(positions) AS place, mapValues(positions) AS at
GROUP BY place
