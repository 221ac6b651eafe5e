-- What was seen together with a person's pseudonyms: an event's ids, and which of them are the person's. Filled in: table,
-- what holds a pseudonym, and where a former id is.
SELECT DISTINCT
    visitor,
    session,
    {previous} AS previous,
    has({marks:Array(String)}, tidegateErasureMark(project, user)) AS by_user,
    has({marks:Array(String)}, tidegateErasureMark(project, visitor)) AS by_visitor
FROM tidegate.{table}
WHERE project = {project:String} AND consent != 'erased' AND ({holders})
