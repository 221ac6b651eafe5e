-- Which tables have parts on disk that no query reads any more.
SELECT DISTINCT table
FROM system.parts
WHERE database = 'tidegate' AND NOT active AND table IN {tables:Array(String)}
