"""Spans and metric points of OpenTelemetry."""
