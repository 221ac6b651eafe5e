"""Error events of Sentry."""
