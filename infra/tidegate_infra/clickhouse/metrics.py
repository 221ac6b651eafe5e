"""What the embedded engine tells Prometheus."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

QUERIES = Counter(
    "tidegate_clickhouse_queries_total", "Statements by who asked and what became of them.", ["role", "result"]
)
SECONDS = Histogram(
    "tidegate_clickhouse_query_seconds", "Seconds from the statement to the end of its answer.", ["role"]
)
INSERTED_ROWS = Counter("tidegate_clickhouse_inserted_rows_total", "Rows inserted.")
RUNNING = Gauge("tidegate_clickhouse_running_queries", "Statements under way.")
