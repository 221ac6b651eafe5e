"""The HTTP edge: Segment's, Sentry's and OpenTelemetry's clients in, Avro to Kafka out."""
