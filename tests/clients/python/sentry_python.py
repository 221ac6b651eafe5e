"""What an application sends with sentry-sdk, one of each; prints the ids that it was given."""

import json
import sys
from typing import Any

import sentry_sdk
import sentry_sdk.logger
import sentry_sdk.traces
from sentry_sdk.crons import capture_checkin
from sentry_sdk.sessions import track_session

facts = json.loads(sys.argv[1])
sentry_sdk.init(
    facts["dsn"],
    release=facts["release"],
    environment="test",
    traces_sample_rate=1.0,
    enable_logs=True,
    trace_lifecycle=facts["lifecycle"],
)
sentry_sdk.set_user({"id": "user-4711", "email": "jane@example.org", "ip_address": "203.0.113.9"})
sentry_sdk.set_tag("shop", "north")
error = None
with track_session(sentry_sdk.get_isolation_scope(), session_mode="application"):
    sentry_sdk.capture_message("the queue is nearly full", "warning")
    try:
        try:
            raise IndexError("inner failed")
        except IndexError as inner:
            raise TypeError("outer failed") from inner
    except TypeError as outer:
        error = sentry_sdk.capture_exception(outer)
    QUERY = "SELECT name FROM agents WHERE slug = 'secret'"
    if facts["lifecycle"] == "static":
        with sentry_sdk.start_transaction(op="http.server", name="/agents/{slug}") as transaction:
            transaction.set_data("http.request.method", "GET")
            transaction.set_http_status(503)
            with transaction.start_child(op="db", name=QUERY) as query:
                query.set_data("db.system", "sqlite")
    else:
        request: dict[str, Any] = {
            "sentry.op": "http.server",
            "http.request.method": "GET",
            "http.response.status_code": 503,
        }
        with sentry_sdk.traces.start_span("/agents/{slug}", attributes=request) as root:
            root.status = "error"
            database: dict[str, Any] = {"sentry.op": "db", "db.system": "sqlite"}
            with sentry_sdk.traces.start_span(QUERY, attributes=database):
                pass
    sentry_sdk.logger.warning("took {seconds}", seconds=2.5)
for _ in range(3):
    with track_session(sentry_sdk.get_isolation_scope(), session_mode="request"):
        pass
check_in = capture_checkin("nightly", status="in_progress")
capture_checkin("nightly", check_in, "ok", 2.5)
sentry_sdk.get_client().close(timeout=20)
sys.stdout.write(json.dumps({"error": error, "checkIn": check_in}))
