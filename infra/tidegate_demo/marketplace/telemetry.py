"""Sets the three public clients up, and takes them down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psutil
import segment.analytics as segment
import sentry_sdk
from fastapi import FastAPI
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from sqlalchemy import Engine

from tidegate_demo.marketplace.acknowledged import Acknowledged
from tidegate_demo.marketplace.counting import CallSites, CountingMetrics, CountingSpans
from tidegate_demo.marketplace.patience import PatientMetrics, PatientSpans, acknowledging, patient_transport
from tidegate_demo.marketplace.settings import MarketplaceSettings

#: An outage may have begun just before, and the clients' patience is 90 s.
FLUSH_SECONDS = 100
#: Exceptions that wait while the gateway is away; Sentry's own default is 100.
WAITING_EXCEPTIONS = 10_000


@dataclass
class Telemetry:
    """The clients of one process."""

    sites: CallSites
    acknowledged: Acknowledged
    segment: segment.Client
    tracer_provider: TracerProvider
    meter_provider: MeterProvider

    def flush(self) -> None:
        """Wait until every client has sent what it holds, or given up."""
        self.segment.flush()
        sentry_sdk.flush(FLUSH_SECONDS)
        self.tracer_provider.force_flush(FLUSH_SECONDS * 1000)
        self.meter_provider.force_flush(FLUSH_SECONDS * 1000)

    def shutdown(self) -> None:
        """Flush, and end the clients' threads: nothing is sent after it."""
        self.flush()
        self.segment.shutdown()
        sentry_sdk.flush(FLUSH_SECONDS)
        sentry_sdk.get_client().close()
        self.tracer_provider.shutdown()
        self.meter_provider.shutdown()


def start_telemetry(settings: MarketplaceSettings) -> Telemetry:
    """Start Segment's, Sentry's and OpenTelemetry's clients against one gateway."""
    sites, acknowledged = CallSites(), Acknowledged(keep=settings.keep_acknowledged)
    client = segment.Client(settings.write_key, host=settings.gateway_url, max_queue_size=100_000, upload_interval=0.2)
    _start_sentry(settings, sites, acknowledged)
    resource = Resource.create(
        {
            "service.name": "marketplace",
            "service.version": settings.release,
            "deployment.environment.name": settings.environment,
            "tidegate.exceptions": "elsewhere",  # Sentry's client has them
        }
    )
    headers = {"x-tidegate-key": settings.write_key}
    tracers = TracerProvider(resource=resource)
    tracers.add_span_processor(CountingSpans(sites))
    spans = PatientSpans(OTLPSpanExporter(endpoint=f"{settings.gateway_url}/v1/traces", headers=headers), acknowledged)
    tracers.add_span_processor(BatchSpanProcessor(spans, schedule_delay_millis=500, max_queue_size=100_000))
    points = PatientMetrics(
        OTLPMetricExporter(endpoint=f"{settings.gateway_url}/v1/metrics", headers=headers), acknowledged
    )
    interval_millis = settings.metric_interval_seconds * 1000
    reader = PeriodicExportingMetricReader(CountingMetrics(points, sites), export_interval_millis=interval_millis)
    meters = MeterProvider([reader], resource=resource)
    return Telemetry(sites, acknowledged, acknowledging(client, acknowledged), tracers, meters)


def _start_sentry(settings: MarketplaceSettings, sites: CallSites, acknowledged: Acknowledged) -> None:
    def count(event: Any, _: Any) -> Any:
        sites.add("error")
        return event

    sentry_sdk.init(
        dsn=settings.sentry_dsn,
        release=settings.release,
        environment=settings.environment,
        before_send=count,
        auto_session_tracking=False,
        send_client_reports=False,
        shutdown_timeout=FLUSH_SECONDS,
        transport=patient_transport(acknowledged),
        transport_queue_size=WAITING_EXCEPTIONS,
    )


def instrument(app: FastAPI, engine: Engine, telemetry: Telemetry) -> None:
    """Requests, queries, the connection pool, CPU and memory."""
    FastAPIInstrumentor.instrument_app(
        app,
        tracer_provider=telemetry.tracer_provider,
        meter_provider=telemetry.meter_provider,
        exclude_spans=["receive", "send"],
        excluded_urls="/_.*",
    )
    # Without a meter: its pool figures have the older conventions' names, and `_observe_pool` gives the stable ones.
    SQLAlchemyInstrumentor().instrument(engine=engine, tracer_provider=telemetry.tracer_provider)
    _observe_process(telemetry.meter_provider)
    _observe_pool(telemetry.meter_provider, engine)


def _observe_process(provider: MeterProvider) -> None:
    process = psutil.Process()
    process.cpu_percent()
    meter = provider.get_meter("marketplace.process")

    def cpu(_: CallbackOptions) -> list[Observation]:
        return [Observation(process.cpu_percent() / 100)]

    def memory(_: CallbackOptions) -> list[Observation]:
        return [Observation(process.memory_info().rss)]

    meter.create_observable_gauge("process.cpu.utilization", [cpu], unit="1")
    meter.create_observable_gauge("process.memory.usage", [memory], unit="By")


def _observe_pool(provider: MeterProvider, engine: Engine) -> None:
    """By the semantic conventions' names; SQLAlchemy's instrumentation still uses older ones."""
    pool: Any = engine.pool
    meter = provider.get_meter("marketplace.pool")
    name = {"db.client.connection.pool.name": "marketplace"}

    def count(_: CallbackOptions) -> list[Observation]:
        return [
            Observation(pool.checkedout(), {**name, "db.client.connection.state": "used"}),
            Observation(pool.checkedin(), {**name, "db.client.connection.state": "idle"}),
        ]

    def maximum(_: CallbackOptions) -> list[Observation]:
        return [Observation(pool.size() + pool._max_overflow, name)]

    meter.create_observable_gauge("db.client.connection.count", [count], unit="{connection}")
    meter.create_observable_gauge("db.client.connection.max", [maximum], unit="{connection}")
