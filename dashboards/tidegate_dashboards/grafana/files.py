"""Writes the provisioning directory that Grafana reads at its start.

The .yaml files hold JSON, which is YAML too, so that no value needs quoting by hand.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tidegate_dashboards.grafana.panels import DATASOURCE_TYPE, DATASOURCE_UID, dashboard

__all__ = ["write"]

MOUNT = "/etc/grafana/provisioning"
PORTS = {"http": 8123, "https": 8443}


def write(directory: Path, clickhouse_url: str, *, mounted_at: str = MOUNT) -> list[Path]:
    """Writes data source, provider and dashboard below `directory`, and returns their paths.

    `mounted_at` is where Grafana will see the directory: the provider names the dashboards' folder by it.
    """
    contents: dict[str, Any] = {
        "datasources/tidegate.yaml": _datasource(clickhouse_url),
        "dashboards/tidegate.yaml": _provider(f"{mounted_at.rstrip('/')}/dashboards/tidegate"),
        "dashboards/tidegate/overview.json": dashboard(),
    }
    paths = []
    for name, content in contents.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        paths.append(path)
    return paths


def _datasource(clickhouse_url: str) -> dict[str, Any]:
    parts = urlsplit(clickhouse_url)
    source: dict[str, Any] = {
        "name": "Tidegate",
        "uid": DATASOURCE_UID,
        "type": DATASOURCE_TYPE,
        "access": "proxy",
        "jsonData": {
            "host": parts.hostname or "127.0.0.1",
            "port": parts.port or PORTS.get(parts.scheme, PORTS["http"]),
            "protocol": "http",
            "secure": parts.scheme == "https",
            "username": unquote(parts.username or "default"),
            "defaultDatabase": "analytics",
            "queryTimeout": "30",
        },
    }
    if parts.password:
        source["secureJsonData"] = {"password": unquote(parts.password)}
    return {"apiVersion": 1, "datasources": [source]}


def _provider(folder: str) -> dict[str, Any]:
    provider = {
        "name": "Tidegate",
        "folder": "Tidegate",
        "type": "file",
        "disableDeletion": True,
        "allowUiUpdates": False,
        "updateIntervalSeconds": 30,
        "options": {"path": folder},
    }
    return {"apiVersion": 1, "providers": [provider]}
