"""The process: one data directory, one address."""

from __future__ import annotations

import json
import logging
import socket
import sys
from pathlib import Path

import uvicorn

from tidegate_infra.clickhouse.app import ClickHouseHttp
from tidegate_infra.clickhouse.call import User
from tidegate_infra.clickhouse.engine import Engine

log = logging.getLogger(__name__)

#: Settings and parameters travel in the URL.
MAX_HEAD_BYTES = 1 << 20


def create_app(path: Path, writer_password: str) -> ClickHouseHttp:
    """The application over one data directory: `default` reads without a password, `writer` may do anything."""
    path.mkdir(parents=True, exist_ok=True)
    users = {"default": User("", "reader"), "writer": User(writer_password, "writer")}
    return ClickHouseHttp(Engine(str(path)), users)


def run(path: Path, host: str, port: int, writer_password: str) -> None:
    """Serve until SIGTERM. Port 0 lets the system pick one; the address is printed as one JSON line."""
    listener = socket.create_server((host, port))
    app = create_app(path, writer_password)
    url = f"http://{host}:{listener.getsockname()[1]}"
    sys.stdout.write(json.dumps({"url": url}) + "\n")
    sys.stdout.flush()
    log.info("ClickHouse engine answers at %s, data in %s", url, path)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=10,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        timeout_keep_alive=30,
        server_header=False,
        http="h11",
    )
    uvicorn.Server(config).run(sockets=[listener])
