"""What the marketplace is told by its environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class MarketplaceSettings(BaseSettings):
    """Environment variables `MARKETPLACE_…`."""

    model_config = SettingsConfigDict(env_prefix="MARKETPLACE_", frozen=True)

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(0, description="Port to listen on; 0 lets the system pick one.")
    database: Path = Field(description="SQLite file; made if absent.")
    gateway_url: str = Field(description="Base URL of the Tidegate gateway.")
    write_key: str = Field(description="Public write key of the project.")
    sentry_dsn: str = Field(description="The project's Sentry DSN.")
    release: str = Field("marketplace@1.4.0", description="Release that telemetry names.")
    environment: str = Field("demo", description="Deployment environment that telemetry names.")
    metric_interval_seconds: float = Field(2.0, gt=0, description="How often metrics are exported.")
    keep_acknowledged: bool = Field(
        False, description="Whether ids of events that the gateway took are kept for who asks /_acknowledged."
    )
    seed: int = Field(7, description="Seed of the agents' behaviour.")
