-- How many other users devices were used by. Filled in: table.
SELECT visitor, arrayFilter(other -> NOT has({known:Array(String)}, tidegateErasureMark({project:String}, other)), groupUniqArray(100)(user)) AS others
FROM tidegate.{table}
WHERE project = {project:String} AND user != '' AND has({marks:Array(String)}, tidegateErasureMark(project, visitor))
GROUP BY visitor
