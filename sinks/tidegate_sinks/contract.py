"""The SQL contract as a page: what the engine says of the views in `analytics`, once all migrations are applied."""

from __future__ import annotations

from itertools import groupby

from clickhouse_connect.driver.client import Client

INTRODUCTION = """\
# SQL contract

<!-- Written by `python -m tidegate_infra.sql_contract docs/sql-contract.md` from the migrations in sinks/. -->

What `analytics` holds for those who query. Names and columns of these views stay; the tables behind them, in
`tidegate`, may change. In embedded mode reading needs no password:

```
curl 'http://127.0.0.1:8123/' --data "SELECT * FROM analytics.dau WHERE project = 'default' FORMAT PrettyCompact"
```

- Times are UTC. Durations are in seconds and say so; shares lie between 0 and 1.
- Counts are weighted by the sample rate, hence not always whole: estimates, where `sampling` has a `lowest_rate`
  below 1. Different persons and sessions can't be estimated: they are those that were kept.
- `visitor`, `user`, `session`, `person` and `instance` are pseudonyms.
- `sketch` holds log buckets and their counts: `tidegateQuantile(sumMap(sketch), 0.95)` is a quantile within 1 % over
  any rows of `latencies`, `endpoint_latency`, `query_performance` and `metric_windows`.
- `revision` counts late events that changed a row after its window had closed; `final` is 1 once lateness has passed.
"""

DERIVED = {
    "abnormal": "Sessions that ended abnormally.",
    "anonymous": "Decisions to be measured without ids.",
    "approximate_events": "Different events that had it, within about 2 %.",
    "bounce_rate": "Share of sessions with a single event, in which no time passed.",
    "calls": "Weighted queries.",
    "check_in": "Pseudonym of the run of the job; empty for a ping.",
    "consent_rate": "Share of those asked who agreed; withdrawals, which come later, count for neither side.",
    "cookieless": "1 for a visitor without consent, whose pseudonym lives for a day: `day-…`.",
    "cookieless_visitors": "Visitors without consent, one a day each: among the `users` of `dau`, not of `mau`.",
    "count": "Weighted number of values.",
    "cpu_utilization": "Mean share of the processor, as the sender measures it.",
    "crash_free_sessions": "Share of sessions that did not crash; null without sessions.",
    "crash_free_users": "Share of users none of whose sessions crashed; null without users.",
    "crashed": "Sessions that crashed.",
    "crashed_users": "Different users with a session that crashed.",
    "culprit": "Route at which it was raised; empty for none.",
    "day": "Day, UTC.",
    "dead_lettered": "Events that could not be taken, kept sealed.",
    "denied": "Decisions against, of people who were asked.",
    "dropped": "Events left out, by a reason that `outcomes` names.",
    "dropped_by_reason": "The same by reason.",
    "duration_seconds": "How long it took.",
    "environment": "Deployment environment, such as production or staging; empty if not said.",
    "erased": "Events that were stored and then erased on request.",
    "error_rate": "Share of requests that failed with 5xx.",
    "errored": "Sessions with errors and an orderly end.",
    "errors": "Weighted exceptions in the session.",
    "fate": "stored, dropped, dead_lettered, erased, in_flight or missing; or voided: a number of no event.",
    "fingerprint": "What groups exceptions: the sender's own key, or for an issue without one a hash of ours.",
    "first_minute": "First minute of receipt.",
    "first_seen": "When it was first seen.",
    "first_user": "The first user that the visitor was linked to.",
    "former": "What the device or user was called in an earlier epoch of keys.",
    "granted": "Decisions for it.",
    "idle": "Most connections that were idle.",
    "in_flight": "Numbers that nothing is known of yet, for five minutes.",
    "installs": "Weighted events `agent_installed`.",
    "is_user": "1: what events of this user count for; 0: what events of this visitor without a user count for.",
    "job_state": "in_progress, ok or error.",
    "kept": "Events in the tables, without their weights.",
    "kind": "Kind of the events; for what has no place here its protocol and name, such as sentry.replay_event; empty "
    "where it could not be told.",
    "last_minute": "Last minute of receipt.",
    "last_number": "The highest number that is known: of what is stored, or of what the producer reported.",
    "last_seen": "When it was last seen.",
    "lowest_rate": "Lowest sample rate among them; 1 where nothing was left out.",
    "max": "Greatest value; for a pool how many connections there may be.",
    "measured_at": "When it was measured.",
    "measured_from": "producer, or gateway: numbered when the gateway took them, so what was lost before is not known.",
    "median_seconds": "Median duration.",
    "memory_bytes": "Most memory in use.",
    "message": "The exception's value or the logged message.",
    "minute": "Begin of the minute.",
    "missing": "Numbers that were given out and are nowhere.",
    "monitor": "Name of the scheduled job.",
    "month": "First day of the month.",
    "p50_seconds": "Half of them took so long or less.",
    "p95_seconds": "95 % of them took so long or less.",
    "p99_seconds": "99 % of them took so long or less.",
    "person": "The event's own user, else the first user linked to its visitor, else the visitor; over rotations "
    "of keys as far as consent linked them.",
    "persons": "Different persons.",
    "pool": "Name of the connection pool.",
    "producer_kind": "sdk, browser, gateway or kafka (a client of its own); unknown where a record could not be read.",
    "project": "Project that the write key belongs to.",
    "pseudonym": "What it is called today; in `persons` what events carry.",
    "pseudonyms": "How many pseudonyms the person had.",
    "purpose": "What was decided about: analytics, errors, performance or another; everything where none was named.",
    "quantity": "How many events; for the outcomes numbered and closed the last number.",
    "reason": "Why: for endpoints in words, else one of the closed list in `tidegate_schemas.reasons`.",
    "releases": "Versions of the application in which it was seen.",
    "runs": "Weighted events `agent_run`.",
    "sent": "Events that were sent: the sum of all that became of them.",
    "sessions": "Sessions that began.",
    "since": "Since when it is in this state.",
    "sketch": "Log buckets and the weighted number of values in each.",
    "source_partition": "Kafka partition.",
    "started_at": "When it began; for a metric: since when it counts.",
    "state": "ok, degraded, down or no data; of a producer closed, counted (its counter outlived it) or open.",
    "stored": "Events in the tables.",
    "tail_at_most": "How many numbers above the last known one it may have given out; null if that is not bounded.",
    "text": "What the user says.",
    "title": "Type of the exception.",
    "used": "Most connections in use.",
    "users": "Different persons.",
    "value": "The gauge's value or the counter's amount; 0 for histograms.",
    "voided": "Numbers that stand for no event of their own: copies, and what was not taken and is sent again.",
    "withdrawn": "Decisions that took an earlier yes back.",
    "window_start": "Begin of the window.",
}
"""What columns are that only views have, or that mean more than one thing in the tables."""


def render(client: Client) -> str:
    """Text of docs/sql-contract.md. A column takes the commonest comment of the tables' columns of its name."""
    told = client.query(
        "SELECT name, topK(1)(comment)[1] FROM system.columns "
        "WHERE database = 'tidegate' AND comment != '' GROUP BY name"
    )
    comments: dict[str, str] = {str(name): str(comment) for name, comment in told.result_rows} | DERIVED
    rows = client.query(
        "SELECT v.name, v.comment, c.name, c.type FROM system.tables AS v "
        "INNER JOIN system.columns AS c ON c.database = v.database AND c.table = v.name "
        "WHERE v.database = 'analytics' ORDER BY v.name, c.position"
    ).result_rows
    parts = [INTRODUCTION]
    for (view, comment), columns in groupby(rows, key=lambda row: (row[0], row[1])):
        table = [f"| `{name}` | `{kind}` | {comments[name]} |" for _, _, name, kind in columns]
        head = [f"## analytics.{view}", "", comment, "", "| Column | Type | |", "|---|---|---|"]
        parts.append("\n".join([*head, *table, ""]))
    return "\n".join(parts)
