-- The highest version among the rows of a partition.
SELECT max(version) AS newest
FROM tidegate.{table:Identifier}
WHERE source_topic = {topic:String}
    AND source_partition = {partition:UInt16}
    AND bitShiftRight(version, 48) = {generation:UInt16}
