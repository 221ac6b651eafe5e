-- Texts of attributes that series have, by the text that ClickHouse gives back of them.
SELECT toJSONString(CAST(attributes AS JSON)) AS stored, min(attributes) AS given
FROM (SELECT DISTINCT attributes FROM tidegate.metric_windows WHERE attributes LIKE '{%')
GROUP BY stored
SETTINGS type_json_skip_duplicated_paths = 1
