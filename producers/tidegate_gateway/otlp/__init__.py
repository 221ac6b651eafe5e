"""OpenTelemetry's OTLP over HTTP: https://opentelemetry.io/docs/specs/otlp/#otlphttp."""
