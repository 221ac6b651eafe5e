"""Every item of a Sentry envelope: what becomes of it, and that a retry of it counts once."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.unit.gateway.sentry.edge import ID, Edge, Item, envelope

from tidegate_gateway.sentry.items import HANDLERS, UNSUPPORTED
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.sentry_discards import KINDS, NOT_EVENTS, OTHERS, REASONS

AT = "2026-03-01T12:00:00Z"
SESSION = {
    "sid": "7c7b6585-f901-4351-bf8d-02711b721929",
    "started": AT,
    "timestamp": AT,
    "attrs": {"release": "shop@1"},
}
TRACE = {"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331"}


@pytest.fixture
def edge() -> Edge:
    return Edge()


def exception(kind: str, value: str, **more: Any) -> dict[str, Any]:
    frames = [
        {"filename": "a.py", "function": "f", "lineno": 3, "vars": {"password": "hunter2"}, "abs_path": "/home/j"}
    ]
    return {"type": kind, "value": value, "stacktrace": {"frames": frames}, **more}


def test_an_error_keeps_its_causes_and_what_names_software_only(edge: Edge) -> None:
    event = {
        "level": "fatal",
        "logger": "shop.orders",
        "server_name": "janes-laptop",
        "exception": {
            "values": [
                exception("KeyError", "no such row"),
                exception(
                    "OrderError",
                    "failed",
                    module="shop",
                    mechanism={"type": "wsgi", "handled": False, "data": {"a": 1}},
                ),
            ]
        },
        "threads": {"values": [{"id": 1, "name": "main", "crashed": True, "stacktrace": {"frames": []}}]},
        "contexts": {
            "trace": TRACE,
            "runtime": {"name": "CPython", "version": "3.11"},
            "device": {"name": "Jane's", "arch": "arm64"},
        },
        "debug_meta": {"images": [{"type": "sourcemap", "code_file": "https://x/app.js", "debug_id": ID, "secret": 1}]},
        "request": {
            "url": "https://shop/x",
            "method": "get",
            "cookies": "sid=1",
            "headers": [["User-Agent", "Firefox"]],
            "data": {"a": 1},
        },
        "user": {"email": "jane@example.org", "name": "Jane", "ip_address": "203.0.113.9"},
        "tags": [["shop", "north"]],
    }
    assert edge.send(({"type": "event"}, event), event_id=ID).status_code == 200
    (error,) = edge.events("error")
    properties = json.loads(error["properties"])
    assert (error["name"], error["message"], error["level"], error["handled"]) == (
        "OrderError",
        "failed",
        "fatal",
        False,
    )
    assert error["stack"] == '[{"filename":"a.py","function":"f","lineno":3}]'
    assert [(cause["type"], cause["frames"][0]["lineno"]) for cause in properties["causes"]] == [("KeyError", 3)]
    assert properties["mechanism"] == {"handled": False, "type": "wsgi"}
    assert properties["threads"] == [{"crashed": True, "id": 1, "name": "main"}]
    assert properties["contexts"] == {"device": {"arch": "arm64"}, "runtime": {"name": "CPython", "version": "3.11"}}
    assert properties["debug_images"] == [{"code_file": "https://x/app.js", "debug_id": ID, "type": "sourcemap"}]
    assert (properties["logger"], properties["module"], properties["tags"]) == (
        "shop.orders",
        "shop",
        {"shop": "north"},
    )
    assert (error["user_id"], error["ip"]) == ("jane@example.org", "203.0.113.9")
    assert (error["method"], error["user_agent"], error["trace_id"]) == ("GET", "Firefox", TRACE["trace_id"])
    left = json.dumps([error["stack"], properties])
    assert not any(word in left for word in ("hunter2", "laptop", "Jane", "cookies", "/home"))


def test_an_error_keeps_the_names_and_sizes_of_its_attachments_and_no_content(edge: Edge) -> None:
    head = {"type": "attachment", "filename": "log.txt", "content_type": "text/plain"}
    edge.send(({"type": "event"}, {"message": "x"}), (head, b"secret content"), event_id=ID)
    (error,) = edge.events("error")
    assert json.loads(error["properties"])["attachments"] == [
        {"content_type": "text/plain", "filename": "log.txt", "size_bytes": 14, "type": "event.attachment"}
    ]
    assert edge.dropped() == {}
    assert b"secret content" not in str(edge.publisher.records).encode()


def test_a_transactions_bad_span_is_refused_alone(edge: Edge) -> None:
    good = {**TRACE, "span_id": "00f067aa0ba902b7", "op": "db", "description": "SELECT a FROM t WHERE b = 'x'"}
    times = {"start_timestamp": AT, "timestamp": AT}
    transaction = {
        "transaction": "/agents/{slug}",
        "contexts": {"trace": {**TRACE, "op": "http.server", "status": "not_found"}},
        "spans": [{**good, **times}, {**good, "start_timestamp": "never"}],
        **times,
    }
    answer = edge.send(({"type": "transaction"}, transaction), trace={"sample_rate": "0.25"})
    assert [each["field"] for each in answer.json()["rejected"]] == ["start_timestamp"]
    root, child = edge.events("span")
    assert (root["operation"], root["route"], root["status_code"], root["sample_rate"]) == (
        "request",
        "/agents/{slug}",
        404,
        0.25,
    )
    assert (child["operation"], child["statement"], child["sample_rate"]) == ("query", "SELECT t", 0.25)
    assert len(edge.letters()) == 1


def test_a_container_of_spans_tells_requests_and_queries_without_what_they_were_given(edge: Edge) -> None:
    def typed(**attributes: Any) -> dict[str, Any]:
        return {name.replace("__", "."): {"type": "string", "value": value} for name, value in attributes.items()}

    query = typed(sentry__op="db.query", db__query__text="SELECT a FROM t WHERE b = 'x'", db__system__name="sqlite")
    request = typed(sentry__op="http.server", http__route="/a", http__request__method="get", sentry__release="shop@2")
    request |= {"http.response.status_code": {"type": "integer", "value": 503}, **typed(user__email="jane@example.org")}
    times = {"start_timestamp": 1772366400.0, "end_timestamp": 1772366400.5, "trace_id": TRACE["trace_id"]}
    items = [
        {**times, "span_id": "a" * 16, "name": "SELECT", "status": "ok", "attributes": query},
        {**times, "span_id": "b" * 16, "name": "GET /a", "status": "error", "attributes": request},
        {"name": "no times"},
    ]
    head = {"type": "span", "item_count": 3, "content_type": "application/vnd.sentry.items.span.v2+json"}
    answer = edge.send((head, {"version": 2, "items": items}))
    assert [each["field"] for each in answer.json()["rejected"]] == ["start_timestamp"]
    first, second = edge.events("span")
    assert (first["operation"], first["statement"], first["db_system"]) == ("query", "SELECT t", "sqlite")
    assert (second["route"], second["method"], second["status_code"]) == ("/a", "GET", 503)
    assert (second["release"], second["service"], second["duration_seconds"]) == ("shop@2", "shop", 0.5)
    assert not any(word in str([first, second]) for word in ("jane", "'x'"))


def test_a_session_says_its_state_so_far(edge: Edge) -> None:
    first = {**SESSION, "init": True, "status": "ok", "did": "user-1"}
    later = {**SESSION, "status": "crashed", "errors": 2, "duration": 60.5, "timestamp": "2026-03-01T12:01:00Z"}
    edge.send(({"type": "session"}, first), ({"type": "session"}, later))
    one, two = edge.events("health")
    assert (one["report"], one["state"], one["init"], one["user_id"]) == ("session", "ok", True, "user-1")
    assert (two["state"], two["init"], two["errors"], two["duration_seconds"]) == ("crashed", False, 2, 60.5)
    assert one["session_id"] == two["session_id"] == "7c7b6585f9014351bf8d02711b721929"
    assert one["occurred_at"] == two["occurred_at"]
    assert one["event_id"] != two["event_id"]


def test_counts_of_sessions_are_an_event_for_each_state_and_user(edge: Edge) -> None:
    counts = [{"started": AT, "exited": 3, "crashed": 1}, {"started": AT, "did": "user-1", "errored": 2, "abnormal": 0}]
    edge.send(({"type": "sessions"}, {"aggregates": counts, "attrs": {"release": "1"}}), sent_at=AT)
    found = [(event["state"], event["quantity"], event["user_id"]) for event in edge.events("health")]
    assert found == [("exited", 3, None), ("crashed", 1, None), ("errored", 2, "user-1")]


def test_two_processes_that_count_alike_are_two_where_nothing_tells_them_apart(edge: Edge) -> None:
    counts = {"aggregates": [{"started": AT, "exited": 1}], "attrs": {"release": "1"}}
    for _ in range(2):
        edge.send(({"type": "sessions"}, counts))
    assert len({event["event_id"] for event in edge.events("health")}) == 2


def test_feedback_names_its_error_and_not_its_author(edge: Edge) -> None:
    said = {
        "message": "I lost my cart",
        "name": "Jane Doe",
        "contact_email": "jane@example.org",
        "associated_event_id": ID,
    }
    edge.send(({"type": "feedback"}, {"event_id": ID, "timestamp": AT, "contexts": {"feedback": said}}))
    report = {"event_id": ID, "name": "Jane Doe", "email": "jane@example.org", "comments": "it broke"}
    edge.send(({"type": "user_report"}, report))
    new, old = edge.events("health")
    assert [new["message"], old["message"]] == ["I lost my cart", "it broke"]
    assert new["error_id"] == old["error_id"] == derived_event_id("sentry", "default", ID)
    assert new["user_id"] == old["user_id"] == "jane@example.org"
    assert "Doe" not in str([new, old])


def test_check_ins_of_one_run_share_its_id(edge: Edge) -> None:
    run = {"check_in_id": ID, "monitor_slug": "nightly", "timestamp": AT}
    edge.send(({"type": "check_in"}, {**run, "status": "in_progress"}))
    edge.send(({"type": "check_in"}, {**run, "status": "error", "duration": 3}))
    begun, ended = edge.events("health")
    assert begun["session_id"] == ended["session_id"]
    assert (ended["report"], ended["name"], ended["state"]) == ("check_in", "nightly", "error")
    assert begun["event_id"] != ended["event_id"]


@pytest.mark.parametrize("name", sorted(UNSUPPORTED))
def test_what_has_no_place_is_counted_by_its_name(edge: Edge, name: str) -> None:
    answer = edge.send(({"type": name}, {}))
    assert (answer.status_code, answer.json()["unsupported"]) == (200, {f"sentry.{name}": 1})
    assert edge.dropped() == {(f"sentry.{name}", "unsupported_item"): 1}


def test_a_name_of_the_senders_invention_is_no_name(edge: Edge) -> None:
    edge.send(({"type": "jane@example.org"}, {}), ({"type": "trace_metric", "item_count": 7}, {"items": []}))
    assert edge.dropped() == {("sentry.other", "unsupported_item"): 1, ("sentry.trace_metric", "unsupported_item"): 7}


def test_an_item_without_a_type_is_a_dead_letter(edge: Edge) -> None:
    assert edge.send(({}, {"a": 1})).json()["rejected"][0]["field"] == "type of item 0"
    assert len(edge.letters()) == 1


def test_log_records_keep_their_level_and_trace_and_no_host_or_person(edge: Edge) -> None:
    attributes = {
        "sentry.release": {"type": "string", "value": "shop@2"},
        "sentry.environment": {"type": "string", "value": "test"},
        "logger.name": {"type": "string", "value": "shop.orders"},
        "user.id": {"type": "string", "value": "user-1"},
        "user.email": {"type": "string", "value": "jane@example.org"},
        "server.address": {"type": "string", "value": "janes-laptop"},
        "seconds": {"type": "double", "value": 2.5},
    }
    record = {**TRACE, "timestamp": 1772366400.0, "level": "warn", "body": "took long", "attributes": attributes}
    records = [record, record, {**record, "severity_number": 2, "level": "trace"}, {"level": "info"}]
    answer = edge.send(({"type": "log", "item_count": 4}, {"items": records}))
    assert [each["field"] for each in answer.json()["rejected"]] == ["body"]
    one, again, other = edge.events("log")
    assert (one["body"], one["level"], one["severity_number"], one["logger"]) == (
        "took long",
        "warning",
        13,
        "shop.orders",
    )
    assert (one["release"], one["service"], one["environment"], one["user_id"]) == ("shop@2", "shop", "test", "user-1")
    assert (one["trace_id"], one["span_id"]) == (TRACE["trace_id"], TRACE["span_id"])
    assert one["attributes"] == '{"seconds":2.5}'
    assert one["event_id"] != again["event_id"]
    assert (other["level"], other["severity_number"]) == ("debug", 2)


def test_every_category_and_reason_of_a_client_report_is_named(edge: Edge) -> None:
    entries = [
        {"reason": "sample_rate", "category": "transaction", "quantity": 4},
        {"reason": "sample_rate", "category": "span", "quantity": 12},
        {"reason": "queue_overflow", "category": "error", "quantity": 2},
        {"reason": "ratelimit_backoff", "category": "session", "quantity": 3},
        {"reason": "network_error", "category": "log_item", "quantity": 5},
        {"reason": "network_error", "category": "log_byte", "quantity": 5_000},
        {"reason": "before_send", "category": "replay", "quantity": 1},
        {"reason": "a new one", "category": "a new one too", "quantity": 6},
        {"reason": "before_send", "category": "error", "quantity": 0},
    ]
    edge.send(({"type": "client_report"}, {"timestamp": AT, "discarded_events": entries}))
    assert edge.dropped() == {
        ("span", "sampled"): 12,
        ("error", "queue_full"): 2,
        ("health", "held_back"): 3,
        ("log", "network_error"): 5,
        ("sentry.replay", "filtered"): 1,
        ("sentry.other", "client_error"): 6,
    }
    assert len(REASONS) > 10
    assert not set(KINDS) & (NOT_EVENTS | OTHERS)


def test_a_transaction_of_a_client_that_counts_no_spans_counts(edge: Edge) -> None:
    entries = [{"reason": "sample_rate", "category": "transaction", "quantity": 4}]
    edge.send(({"type": "client_report"}, {"timestamp": AT, "discarded_events": entries}))
    assert edge.dropped() == {("span", "sampled"): 4}


REPEATED: dict[str, Any] = {
    "event": {"message": "x"},
    "transaction": {
        "contexts": {"trace": TRACE},
        "start_timestamp": AT,
        "timestamp": AT,
        "spans": [{"op": "db"}, {"op": "x"}],
    },
    "span": {"items": [{**TRACE, "name": "x", "start_timestamp": AT, "end_timestamp": AT}]},
    "log": {"items": [{"timestamp": 1772366400.0, "body": "x"}, {"timestamp": 1772366400.0, "body": "x"}]},
    "session": {**SESSION, "init": True},
    "sessions": {"aggregates": [{"started": AT, "exited": 2}]},
    "feedback": {"contexts": {"feedback": {"message": "x"}}},
    "user_report": {"event_id": ID, "comments": "x"},
    "check_in": {"check_in_id": ID, "monitor_slug": "nightly", "status": "ok"},
}


@pytest.mark.parametrize("name", sorted(REPEATED))
def test_the_same_envelope_again_gives_the_same_ids(edge: Edge, name: str) -> None:
    body = envelope(({"type": name}, REPEATED[name]), event_id=ID, sent_at=AT)
    for _ in range(2):
        answer = edge.post(body)
        assert (answer.status_code, answer.json()) == (200, {"id": ID})
    ids = [event["event_id"] for kind in ("error", "span", "log", "health") for event in edge.events(kind)]
    assert len(ids) == 2 * len(set(ids)) > 0


def test_a_client_report_again_counts_once_and_another_one_as_well(edge: Edge) -> None:
    entries = [{"reason": "queue_overflow", "category": "error", "quantity": 2}]
    now = datetime.now(UTC)  # a report's own minute counts if it is near
    report = ({"type": "client_report"}, {"timestamp": now.timestamp(), "discarded_events": entries})
    other = ({"type": "client_report"}, {"timestamp": now.timestamp() - 1, "discarded_events": entries})
    for sent_at in ("2026-03-01T12:00:02Z", "2026-03-01T12:05:00Z"):
        edge.send(report, sent_at=sent_at)
    assert edge.dropped() == {("error", "queue_full"): 2}
    edge.send(other)
    assert edge.dropped() == {("error", "queue_full"): 4}


@pytest.mark.parametrize("header", [{"event_id": ID, "sent_at": AT}, {"sent_at": AT}])
def test_an_unsupported_item_that_is_sent_again_counts_once_by_whichever_gateway(header: dict[str, str]) -> None:
    edges = Edge(), Edge()
    replay: Item = {"type": "replay_event"}, {"a": 1}
    body = envelope(replay, ({"type": "statsd", "item_count": 7}, {}), replay, **header)
    told: dict[str, tuple[str, int]] = {}
    for edge in (*edges, edges[0]):
        assert edge.post(body).json()["unsupported"] == {"sentry.replay_event": 2, "sentry.statsd": 7}
    for row in (row for edge in edges for row in edge.outcomes()):
        assert (row["outcome"], row["reason"], row["producer_id"]) == ("dropped", "unsupported_item", "sentry")
        told[row["outcome_id"]] = (row["kind"], row["quantity"])
    assert sorted(told.values()) == [("sentry.replay_event", 1), ("sentry.replay_event", 1), ("sentry.statsd", 7)]


def test_a_retry_is_known_by_the_event_even_if_its_client_says_anew_when_it_sends(edge: Edge) -> None:
    for sent_at in (AT, "2026-03-01T12:05:00Z"):
        edge.post(envelope(({"type": "attachment"}, {"a": 1}), event_id=ID, sent_at=sent_at))
    assert edge.dropped() == {("sentry.attachment", "unsupported_item"): 1}


def test_alike_items_of_envelopes_that_nothing_tells_apart_count_each(edge: Edge) -> None:
    for _ in range(2):
        edge.post(envelope(({"type": "statsd"}, {"a": 1})))
    edge.post(envelope(({"type": "statsd"}, {"a": 1}), sent_at=AT))
    edge.post(envelope(({"type": "statsd"}, {"a": 1}), sent_at="2026-03-01T12:05:00Z"))
    assert edge.dropped() == {("sentry.statsd", "unsupported_item"): 4}


def test_every_type_is_processed_or_has_a_name() -> None:
    documented = (
        "attachment check_in client_report event feedback form_data log metric_buckets nel otel_span profile "
        "profile_chunk raw_security replay_event replay_recording replay_video session sessions span statsd "
        "trace_metric transaction unreal_report user_report"
    )
    assert set(documented.split()) <= set(HANDLERS) | UNSUPPORTED
