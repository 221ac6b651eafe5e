"""What a stack consists of: where each service listens and with which settings it runs."""

from collections.abc import Mapping
from dataclasses import dataclass

from tidegate_infra import ports
from tidegate_infra.settings import ENV_PREFIX, Settings

__all__ = ["SERVICES", "Addresses", "addresses", "child_environment", "embedded_services"]

SERVICES = ("broker", "clickhouse", "worker", "gateway", "dashboard", "alerts")
"""In the order of the event's way, which is the order of starting; stopping goes backwards."""


@dataclass(frozen=True)
class Addresses:
    """Where to reach the services."""

    brokers: str
    clickhouse_url: str
    """Without credentials: the embedded one answers readers on the loopback interface."""
    gateway_url: str
    dashboard_url: str
    worker_url: str
    alerts_url: str
    supervisor_url: str
    ports: Mapping[str, int]

    def dsn(self, key: str, project: int) -> str:
        """Sentry DSN of a project."""
        scheme, _, rest = self.gateway_url.partition("://")
        return f"{scheme}://{key}@{rest}/{project}"


def addresses(settings: Settings, chosen: Mapping[str, int] | None = None) -> Addresses:
    """Addresses of the services by the ports just chosen, else those set, remembered from the last start, or usual."""
    known = {**ports.USUAL, **ports.remembered(settings), **_asked(settings), **(chosen or {})}

    def url(name: str) -> str:
        host = ports.host_of(settings, name)
        return f"http://{'127.0.0.1' if host in {'0.0.0.0', '::'} else host}:{known[name]}"  # noqa: S104 - compared, not bound

    return Addresses(
        brokers=settings.brokers or f"127.0.0.1:{known['broker']}",
        clickhouse_url=(settings.clickhouse_url or url("clickhouse")).rstrip("/"),
        gateway_url=url("gateway"),
        dashboard_url=url("dashboard"),
        worker_url=url("worker"),
        alerts_url=url("alerts"),
        supervisor_url=url("supervisor"),
        ports=known,
    )


def embedded_services(settings: Settings) -> list[str]:
    """Services of a whole stack: all but those that the settings replace by ones of your own."""
    replaced = {name for name, own in (("broker", settings.brokers), ("clickhouse", settings.clickhouse_url)) if own}
    return [name for name in SERVICES if name not in replaced]


def child_environment(settings: Settings, chosen: Mapping[str, int]) -> dict[str, str]:
    """Variables that give a service of this stack the stack's own settings, and every port as if it had been set.

    Wherever the settings came from: a stack started from code with a broker of its own once ran services that waited
    for the embedded one.
    """
    said = {name: value for name, value in settings.model_dump(exclude_defaults=True).items() if value is not None}
    named = {f"{name}_port": port for name, port in chosen.items() if name in ports.USUAL}
    own = {"home": settings.home, "cache": settings.cache}
    return {f"{ENV_PREFIX}{name.upper()}": str(value) for name, value in (said | own | named).items()}


def _asked(settings: Settings) -> dict[str, int]:
    asked = {name: getattr(settings, f"{name}_port") for name in ports.USUAL}
    return {name: port for name, port in asked.items() if port is not None}
