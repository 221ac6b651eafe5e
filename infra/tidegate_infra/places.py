"""The first settings: where a stack's state is, where its services listen, and which services are not its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings

from tidegate_infra.broker.jars import default_cache

__all__ = ["Places", "default_home"]

Port = Annotated[int, Field(ge=1, le=65535)]


def default_home() -> Path:
    """Where state is kept: TIDEGATE_HOME, else XDG_DATA_HOME/tidegate, else ~/.local/share/tidegate."""
    if chosen := os.environ.get("TIDEGATE_HOME"):
        return Path(chosen).expanduser().absolute()
    return Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser().absolute() / "tidegate"


class Places(BaseSettings):
    """A part of `Settings`, which says where it is read from."""

    home: Path = Field(default_factory=default_home, description="Folder of all state: data, keys, logs, run facts.")
    cache: Path = Field(default_factory=default_cache, description="Folder of downloads that stacks share.")
    host: str = Field(
        default="127.0.0.1",
        description="Address that gateway and dashboard listen on; all else stays on the loopback interface.",
    )
    gateway_port: Port | None = Field(default=None, description="Port of the gateway; unset: 8300, or a free one.")
    dashboard_port: Port | None = Field(default=None, description="Port of the dashboard; unset: 8301, or a free one.")
    clickhouse_port: Port | None = Field(
        default=None, description="Port of the embedded ClickHouse; unset: 8123, or a free one."
    )
    broker_port: Port | None = Field(
        default=None, description="Port of the embedded broker; unset: 9092, or a free one."
    )
    supervisor_port: Port | None = Field(
        default=None, description="Port of the supervisor's /healthz and /metrics; unset: 8302, or a free one."
    )
    worker_port: Port | None = Field(
        default=None, description="Port of the worker's /healthz and /metrics; unset: 8303, or a free one."
    )
    alerts_port: Port | None = Field(
        default=None, description="Port of the alerts' /healthz and /metrics; unset: 8304, or a free one."
    )

    brokers: str | None = Field(
        default=None, description="Bootstrap addresses of a Kafka of your own, in place of the embedded one."
    )
    clickhouse_url: str | None = Field(
        default=None, description="HTTP address of a ClickHouse of your own, in place of the embedded one."
    )
    clickhouse_password: str | None = Field(
        default=None,
        repr=False,
        description="Password of the user `writer` there; unset: the one in keys/clickhouse-writer.",
    )
    schema_registry_url: str | None = Field(
        default=None,
        description="Schema registry with Confluent's API: records are then framed with its ids. Unset: Avro "
        "single-object encoding. Readers take both.",
    )
