-- All that a table holds on a person. Filled in: table and what holds a pseudonym.
SELECT *
FROM tidegate.{table} FINAL
WHERE project = {project:String} AND ({holders})
