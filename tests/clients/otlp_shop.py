"""A small shop with OpenTelemetry's own instrumentation, as a program: serves three requests, measures, logs, and ends.

Told in JSON as its only argument: `url`, `key`, `service`.
"""

import json
import logging
import sys
from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from opentelemetry import metrics, trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from sqlalchemy import create_engine, text
from sqlalchemy.pool import StaticPool

FLUSH_MILLIS = 120_000
SECRET = "jane@example.org"


def main(facts: dict[str, str]) -> None:
    """Do what is done once, and hand all of it over."""
    resource = Resource.create(
        {"service.name": facts["service"], "service.version": "1.2", "deployment.environment.name": "test"}
    )
    headers = {"x-tidegate-key": facts["key"]}
    tracers = TracerProvider(resource=resource)
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{facts['url']}/v1/traces", headers=headers)))
    trace.set_tracer_provider(tracers)
    reader = PeriodicExportingMetricReader(
        OTLPMetricExporter(f"{facts['url']}/v1/metrics", headers=headers), export_interval_millis=600_000
    )
    exponential = View(
        instrument_type=Histogram, instrument_name="spread", aggregation=ExponentialBucketHistogramAggregation()
    )
    meters = MeterProvider([reader], resource, views=[exponential])
    metrics.set_meter_provider(meters)
    loggers = LoggerProvider(resource)
    loggers.add_log_record_processor(
        BatchLogRecordProcessor(OTLPLogExporter(f"{facts['url']}/v1/logs", headers=headers))
    )
    logger = logging.getLogger("shop.orders")
    logger.addHandler(LoggingHandler(logger_provider=loggers))
    serve(logger)
    measure(meters.get_meter("shop"), tracers.get_tracer("shop"))
    loggers.get_logger("shop.raw").emit(
        severity_number=SeverityNumber.DEBUG, body={"step": 1}, event_name="order.paid", attributes={"amount": 12}
    )
    meters.shutdown(FLUSH_MILLIS)  # a flush before it would measure twice
    tracers.force_flush(FLUSH_MILLIS)
    loggers.force_flush(FLUSH_MILLIS)
    tracers.shutdown()
    loggers.shutdown()


def serve(logger: logging.Logger) -> None:
    """Two requests that succeed, each with a query and a log record, and one that fails."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    app = FastAPI()

    @app.get("/orders/{number}")
    def order(number: int) -> dict[str, Any]:
        if number == 3:
            raise LookupError(f"no order for {SECRET}")
        with engine.connect() as connection:
            found = connection.execute(text(f"SELECT 1 FROM orders WHERE buyer = '{SECRET}'")).all()
        logger.warning("order %s of %s", number, SECRET)
        return {"found": len(found)}

    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE orders (buyer TEXT)"))
    SQLAlchemyInstrumentor().instrument(engine=engine)
    FastAPIInstrumentor.instrument_app(app)
    client = TestClient(app, raise_server_exceptions=False)
    for number in (1, 2, 3):
        client.get(f"/orders/{number}?token={SECRET}")


def measure(meter: metrics.Meter, tracer: trace.Tracer) -> None:
    """Every kind of instrument, the histograms in a span, so that they have exemplars."""

    def observe(value: float) -> Any:
        def callback(_: CallbackOptions) -> Iterable[Observation]:
            return [Observation(value, {"pool": "main"})]

        return [callback]

    meter.create_observable_counter("reads", observe(40))
    meter.create_observable_up_down_counter("open", observe(-4))
    meter.create_observable_gauge("load", observe(0.25))
    meter.create_gauge("temperature", unit="Cel").set(21.5)
    meter.create_counter("orders").add(3, {"plan": "team"})
    meter.create_up_down_counter("queued").add(-2)
    with tracer.start_as_current_span("measure"):
        meter.create_histogram("latency", unit="s").record(0.2)
        spread = meter.create_histogram("spread")
        for value in (0.0, 1.0, 100.0):
            spread.record(value)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
