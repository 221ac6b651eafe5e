"""Connections to ClickHouse, the embedded engine and a server alike."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

log = logging.getLogger(__name__)

DEFAULT_PORT = 8123


@dataclass(frozen=True)
class Address:
    """Where ClickHouse's HTTP interface is, and who asks."""

    url: str
    user: str = "default"
    password: str = ""


def connect(address: Address) -> Client:
    """A client of its own session-less kind: safe to share between threads. Raises ClickHouseError."""
    parts = urlsplit(address.url)
    return clickhouse_connect.get_client(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or DEFAULT_PORT,
        secure=parts.scheme == "https",
        username=address.user,
        password=address.password,
        autogenerate_session_id=False,
        connect_timeout=5,
        send_receive_timeout=60,
    )


def wait_for(address: Address, *, interval_seconds: float = 0.5, remind_seconds: float = 10.0) -> Client:
    """As `connect`, but waits for as long as it takes, and says so."""
    told = 0.0
    while True:
        try:
            client = connect(address)
        except (ClickHouseError, OSError) as error:
            if time.monotonic() - told > remind_seconds or not told:
                told = time.monotonic()
                log.warning("waiting for ClickHouse at %s: %s", address.url, str(error).splitlines()[0][:200])
            time.sleep(interval_seconds)
        else:
            if told:
                log.info("ClickHouse answers at %s", address.url)
            return client
