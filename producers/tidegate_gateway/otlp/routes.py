"""POST /v1/{traces,metrics,logs}."""

from __future__ import annotations

from collections.abc import Callable
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

from tidegate_gateway.edge import Edge, Endpoint
from tidegate_gateway.intake import Batch
from tidegate_gateway.otlp.points import metric_batch
from tidegate_gateway.otlp.spans import span_batch
from tidegate_gateway.otlp.wire import answer, error_answer, media_type, read_message
from tidegate_schemas.reasons import Reason

PROTOCOL = "otlp"

SortOut = Callable[[Any, str], Batch]


def routes(edge: Edge) -> list[Route]:
    """All of OTLP's paths."""
    traces = _endpoint(edge, ExportTraceServiceRequest, ExportTraceServiceResponse, span_batch, "rejected_spans")
    metrics = _endpoint(
        edge, ExportMetricsServiceRequest, ExportMetricsServiceResponse, metric_batch, "rejected_data_points"
    )
    logs = _endpoint(edge, ExportLogsServiceRequest, ExportLogsServiceResponse, _log_batch, "rejected_log_records")
    return [
        Route(f"/v1/{name}", edge.guard(PROTOCOL, endpoint, error_answer), methods=["POST"])
        for name, endpoint in (("traces", traces), ("metrics", metrics), ("logs", logs))
    ]


def _endpoint(edge: Edge, request_type: Any, response_type: Any, sort_out: SortOut, rejected: str) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        project = edge.project(_key(request))
        encoding = media_type(request)
        message = read_message(await edge.body(request), request_type(), encoding)
        batch, received_at = sort_out(message, project.id), edge.intake.clock()
        await edge.intake.take(project, batch, received_at)
        return answer(_response(response_type(), batch, rejected), encoding)

    return endpoint


def _response(response: Any, batch: Batch, rejected: str) -> Any:
    """`partialSuccess` only where something was rejected."""
    number = len(batch.bad) + sum(batch.dropped.values())
    if number:
        setattr(response.partial_success, rejected, number)
        problems = [f"{bad.problem.field}: {bad.problem.message}" for bad in batch.bad[:1]]
        kinds = [f"{reason.value}: {reason.doc}" for _, reason in batch.dropped]
        response.partial_success.error_message = "; ".join(problems + kinds)
    return response


def _log_batch(request: ExportLogsServiceRequest, _: str) -> Batch:
    """Log records have no place in Tidegate: each is counted as dropped, and the client is told."""
    number = sum(
        len(scope_logs.log_records) for resource in request.resource_logs for scope_logs in resource.scope_logs
    )
    batch = Batch(PROTOCOL)
    if number:
        batch.dropped["", Reason.UNSUPPORTED_ITEM] += number
    return batch


def _key(request: Request) -> str:
    """By x-tidegate-key, or as a Bearer token."""
    return (
        request.headers.get("x-tidegate-key")
        or request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    )
