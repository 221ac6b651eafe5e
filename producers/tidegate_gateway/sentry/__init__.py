"""Sentry's ingestion: envelopes and the older store endpoint. https://develop.sentry.dev/sdk/envelopes/."""
