-- Parts of tables on disk that no query reads any more.
SELECT count() AS parts
FROM system.parts
WHERE database = 'tidegate' AND NOT active AND table IN {tables:Array(String)}
