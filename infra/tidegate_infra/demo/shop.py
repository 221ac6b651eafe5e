"""The marketplace and its visitors as the demo's processes: how they are told, awaited and ended."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from tidegate_infra.errors import UnavailableError
from tidegate_infra.up import RunningStack

__all__ = ["answering", "close", "environment", "stop_traffic"]

PROJECT_NUMBER = 1
START_SECONDS = 60.0
#: Visits under way end within 15 s; then the clients flush.
TRAFFIC_SECONDS = 30.0
#: Four clients, one after the other, each as patient as the marketplace makes them.
CLOSE_SECONDS = 300.0


def environment(stack: RunningStack, folder: Path, port: int, *, keep: bool) -> dict[str, str]:
    """What the marketplace is told; `keep`: that someone will ask it which events the gateway took."""
    key = stack.keys.write_key
    return {
        "OTEL_SEMCONV_STABILITY_OPT_IN": "http",
        "MARKETPLACE_PORT": str(port),
        "MARKETPLACE_DATABASE": str(folder / "marketplace.sqlite"),
        "MARKETPLACE_GATEWAY_URL": stack.where.gateway_url,
        "MARKETPLACE_WRITE_KEY": key,
        "MARKETPLACE_KEEP_ACKNOWLEDGED": str(keep),
        "MARKETPLACE_SENTRY_DSN": stack.where.dsn(key, PROJECT_NUMBER),
    }


async def answering(url: str, process: asyncio.subprocess.Process) -> None:
    """Wait until the marketplace answers. Raises UnavailableError."""
    deadline = time.monotonic() + START_SECONDS
    async with httpx.AsyncClient() as client:
        while time.monotonic() < deadline and process.returncode is None:
            try:
                if (await client.get(url)).is_success:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.1)
    raise UnavailableError(f"the marketplace did not answer at {url}; logs/demo.log says why")


async def stop_traffic(traffic: asyncio.subprocess.Process, record_file: Path) -> Mapping[str, Any]:
    """Let the visits under way end; returns what the visitors did."""
    if traffic.returncode is None:
        traffic.send_signal(signal.SIGTERM)
    code = await asyncio.wait_for(traffic.wait(), TRAFFIC_SECONDS)
    return _read_record(record_file, code)


def _read_record(record_file: Path, code: int) -> Mapping[str, Any]:
    if code or not record_file.exists():
        raise UnavailableError(f"the visitors ended with code {code}; logs/demo.log says why")
    record: Mapping[str, Any] = json.loads(record_file.read_text(encoding="utf-8"))
    return record


async def close(url: str) -> Mapping[str, Any]:
    """Flush and end the marketplace's clients; returns the final counts of its call sites."""
    async with httpx.AsyncClient(timeout=CLOSE_SECONDS) as client:
        answer = await client.post(f"{url}/_close")
    counts: Mapping[str, Any] = answer.raise_for_status().json()
    return counts
