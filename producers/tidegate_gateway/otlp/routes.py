"""POST /v1/{traces,metrics,logs}."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tidegate_gateway.consent import has_privacy_signal
from tidegate_gateway.edge import Edge, Endpoint
from tidegate_gateway.intake import Batch
from tidegate_gateway.otlp.json_messages import Path
from tidegate_gateway.otlp.limits import LOG_RECORDS, POINTS, SPANS, Fields
from tidegate_gateway.otlp.logs import log_batch
from tidegate_gateway.otlp.points import metric_batch
from tidegate_gateway.otlp.spans import span_batch
from tidegate_gateway.otlp.wire import answer, error_answer, media_type, read_message
from tidegate_gateway.signals import without_consent
from tidegate_gateway.turns import Slices

PROTOCOL = "otlp"
MAX_TOLD = 5


@dataclass(frozen=True)
class Signal:
    """One of OTLP's services: its messages, where their items are, and how they become events of ours."""

    request: Any
    response: Any
    fields: Fields
    path: Path
    sort_out: Callable[[Any, str], Slices[Batch]]
    rejected: str
    """What the answer calls the number of items that were not taken."""


def _path(*levels: str) -> Path:
    """Members by their names in JSON, either of which protobuf's mapping takes: camel case, or as in the message."""
    return [{name: name for name in level.split()} | {_camel(name): name for name in level.split()} for level in levels]


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


_KINDS = "gauge sum histogram exponential_histogram summary"
SIGNALS: Mapping[str, Signal] = {
    "traces": Signal(
        ExportTraceServiceRequest,
        ExportTraceServiceResponse,
        SPANS,
        _path("resource_spans", "scope_spans", "spans"),
        span_batch,
        "rejected_spans",
    ),
    "metrics": Signal(
        ExportMetricsServiceRequest,
        ExportMetricsServiceResponse,
        POINTS,
        _path("resource_metrics", "scope_metrics", "metrics", _KINDS, "data_points"),
        metric_batch,
        "rejected_data_points",
    ),
    "logs": Signal(
        ExportLogsServiceRequest,
        ExportLogsServiceResponse,
        LOG_RECORDS,
        _path("resource_logs", "scope_logs", "log_records"),
        log_batch,
        "rejected_log_records",
    ),
}


def routes(edge: Edge) -> list[Route]:
    """All of OTLP's paths."""
    return [
        Route(f"/v1/{name}", edge.guard(PROTOCOL, _endpoint(edge, signal), error_answer), methods=["POST"])
        for name, signal in SIGNALS.items()
    ]


def _endpoint(edge: Edge, signal: Signal) -> Endpoint:
    def sorted_out(body: bytes, encoding: str, project: str) -> Slices[Batch]:
        """By itself, so that the message is gone before Kafka is waited for."""
        message = yield from read_message(body, signal.request(), encoding, signal.fields, signal.path)
        return (yield from signal.sort_out(message, project))

    async def endpoint(request: Request) -> Response:
        project = edge.project(_key(request))
        edge.admit(project)
        encoding = media_type(request)
        batch = await edge.turns.run(sorted_out(await edge.body(request), encoding, project.id))
        if has_privacy_signal(request.headers):
            batch = await edge.turns.run(without_consent(batch))
        edge.admit(project, len(batch.events))
        await edge.intake.take(project, batch, edge.intake.clock())
        return answer(_response(signal, batch), encoding)

    return endpoint


def _response(signal: Signal, batch: Batch) -> Any:
    """`partialSuccess` only where something was rejected."""
    response = signal.response()
    number = len(batch.bad) + sum(batch.dropped.values())
    if number:
        setattr(response.partial_success, signal.rejected, number)
        problems = Counter((bad.problem.field, bad.problem.message) for bad in batch.bad)
        told = [f"{field}: {message} ({times} of them)" for (field, message), times in problems.most_common(MAX_TOLD)]
        kinds = [f"{reason.value}: {reason.doc} ({times} of them)" for (_, reason), times in batch.dropped.items()]
        response.partial_success.error_message = "; ".join(told + kinds)
    return response


def _key(request: Request) -> str:
    """By x-tidegate-key, or as a Bearer token."""
    return (
        request.headers.get("x-tidegate-key")
        or request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    )
