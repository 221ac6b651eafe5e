"""What to paste into an application: one snippet a client, with the gateway's address and the keys filled in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from tidegate_dashboards.settings import DashboardSettings

__all__ = ["Snippet", "dsn", "snippets"]


@dataclass(frozen=True)
class Snippet:
    """Text to paste, for one client."""

    key: str
    label: str
    install: str
    """What to run or to know first, one line."""
    text: str


def dsn(settings: DashboardSettings) -> str:
    """The Sentry DSN: http://<write key>@<gateway>/<project number>."""
    parts = urlsplit(settings.gateway_url)
    return f"{parts.scheme}://{settings.write_key}@{parts.netloc}{parts.path.rstrip('/')}/{settings.project_number}"


def snippets(settings: DashboardSettings) -> list[Snippet]:
    """All snippets, the shortest way first."""
    url, key = settings.gateway_url.rstrip("/"), settings.write_key
    return [
        Snippet("curl", "curl", "Nothing to install.", _text(_curl(url, key))),
        Snippet("tidegate", "Tidegate SDK", "pip install tidegate", _text(_sdk(settings))),
        Snippet("browser", "Browser", "Nothing to install: your gateway serves it.", _text(_browser(url, key))),
        Snippet("segment", "Segment", "pip install segment-analytics-python", _text(_segment(url, key))),
        Snippet("sentry", "Sentry", "pip install sentry-sdk", _text(_sentry(dsn(settings)))),
        Snippet(
            "opentelemetry",
            "OpenTelemetry",
            "pip install opentelemetry-distro opentelemetry-exporter-otlp-proto-http",
            _text(_otlp(url, key)),
        ),
    ]


def _text(lines: Iterable[str]) -> str:
    return "\n".join(lines)


def _curl(url: str, key: str) -> tuple[str, ...]:
    return (
        f"curl {url}/v1/track -u {key}: \\",
        "  -H 'content-type: application/json' \\",
        '  -d \'{"event": "hello_tidegate", "anonymousId": "me"}\'',
    )


def _sdk(settings: DashboardSettings) -> tuple[str, ...]:
    generation = f", generation={settings.generation}" if settings.generation > 1 else ""
    return (
        "import tidegate",
        "",
        f'tidegate.init(brokers="{settings.brokers}", project="{settings.project}"{generation})',
        'tidegate.track("hello_tidegate", anonymous_id="me")',
        "tidegate.flush()",
    )


def _browser(url: str, key: str) -> tuple[str, ...]:
    return (
        '<script>(window.tidegate ??= []).push(["track", "hello_tidegate"])</script>',
        "<script",
        "  async",
        f'  src="{url}/tidegate.js"',
        f'  data-write-key="{key}"',
        '  data-service="my-site"',
        '  data-banner-title="May we count visits?"',
        "></script>",
    )


def _segment(url: str, key: str) -> tuple[str, ...]:
    return (
        "import segment.analytics as analytics",
        "",
        f'analytics.host = "{url}"',
        f'analytics.write_key = "{key}"',
        'analytics.track(anonymous_id="me", event="hello_tidegate")',
        "analytics.flush()",
    )


def _sentry(address: str) -> tuple[str, ...]:
    return (
        "import sentry_sdk",
        "",
        f'sentry_sdk.init(dsn="{address}", traces_sample_rate=1.0)',
        "try:",
        "    1 / 0",
        "except ZeroDivisionError as error:",
        "    sentry_sdk.capture_exception(error)",
        "sentry_sdk.flush()",
    )


def _otlp(url: str, key: str) -> tuple[str, ...]:
    return (
        "export OTEL_SERVICE_NAME=my-service",
        "export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
        f"export OTEL_EXPORTER_OTLP_ENDPOINT={url}",
        f"export OTEL_EXPORTER_OTLP_HEADERS=x-tidegate-key={key}",
        "export OTEL_LOGS_EXPORTER=none",
        "opentelemetry-instrument python app.py",
    )
