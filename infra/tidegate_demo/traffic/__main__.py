"""`python -m tidegate_demo.traffic URL --record FILE`: sends visitors until SIGTERM, then writes what they did.

On SIGTERM no new visitor starts and the visits under way end at their next step, so that every request that was
counted has its answer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
from pathlib import Path

import httpx

from tidegate_demo.traffic.record import Record
from tidegate_demo.traffic.visitor import Visitor

VISIT_DEADLINE_SECONDS = 15


async def drive(url: str, visitors: int, pause_seconds: float, seed: int) -> Record:
    """Keep `visitors` visits under way until SIGTERM or SIGINT."""
    record, rng, stop = Record(), random.Random(seed), asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    # A connection a request: after an exception uvicorn answers and closes, and what is sent into that is lost.
    limits = httpx.Limits(max_connections=visitors, max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=url, timeout=30, limits=limits) as client:

        async def lane(lane_rng: random.Random) -> None:
            while not stop.is_set():
                await Visitor(client, record, lane_rng, pause_seconds).visit()

        lanes = [asyncio.create_task(lane(random.Random(rng.getrandbits(64)))) for _ in range(visitors)]
        await stop.wait()
        await asyncio.wait_for(asyncio.gather(*lanes), VISIT_DEADLINE_SECONDS)
    return record


def main() -> None:
    """Parse, drive, report."""
    parser = argparse.ArgumentParser(prog="tidegate_demo.traffic", description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--visitors", type=int, default=8, help="visits under way at a time")
    parser.add_argument("--pause-seconds", type=float, default=0.2, help="mean pause before a request")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--record", type=Path, required=True, help="file for what the visitors did, as JSON")
    arguments = parser.parse_args()
    record = asyncio.run(drive(arguments.url, arguments.visitors, arguments.pause_seconds, arguments.seed))
    arguments.record.write_text(json.dumps(record.as_json()), encoding="utf-8")


if __name__ == "__main__":
    main()
