"""One visitor's way through the marketplace."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

import httpx

from tidegate_demo.traffic.record import Record

USER_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_6) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0",
)
REGISTER_SHARE = 0.7
SECOND_DEVICE_SHARE = 0.2
SERVER_ERROR = 500


@dataclass(frozen=True)
class Device:
    """A browser: its id, its session and its address (from the documentation's ranges)."""

    anonymous_id: str
    session_id: str
    user_agent: str
    ip: str

    @classmethod
    def new(cls, rng: random.Random) -> Device:
        """A device never seen before."""
        return cls(
            f"{rng.getrandbits(128):032x}",
            f"{rng.getrandbits(128):032x}",
            rng.choice(USER_AGENTS),
            f"203.0.113.{rng.randrange(1, 255)}",
        )


class Visitor:
    """Browses, perhaps registers, installs and runs agents, perhaps comes back on a second device."""

    def __init__(self, client: httpx.AsyncClient, record: Record, rng: random.Random, pause_seconds: float) -> None:
        self._client, self._record, self._rng, self._pause = client, record, rng, pause_seconds
        self._device = Device.new(rng)
        self._user_id: str | None = None

    async def visit(self) -> None:
        """The whole visit."""
        self._record.visitors += 1
        self._record.persons += 1
        slugs = await self._browse()
        if not slugs or self._rng.random() > REGISTER_SHARE:
            return
        email = f"visitor-{self._rng.getrandbits(64):016x}@example.org"
        if not await self._sign_up(email):
            return
        mine = self._rng.sample(slugs, self._rng.randrange(1, 3))
        await self._install_and_run(mine)
        if self._rng.random() < SECOND_DEVICE_SHARE:
            self._device, self._user_id = Device.new(self._rng), None
            self._record.visitors += 1
            if await self._log_in(email):
                await self._install_and_run(mine[:1])

    async def _browse(self) -> list[str]:
        answer = await self._call("GET", "/agents", "/agents")
        if answer is None or answer.is_error:
            return []
        slugs = [agent["slug"] for agent in answer.json()]
        for slug in self._rng.sample(slugs, self._rng.randrange(1, 4)):
            await self._call("GET", "/agents/{slug}", f"/agents/{slug}")
        return slugs

    async def _sign_up(self, email: str) -> bool:
        answer = await self._call("POST", "/register", "/register", {"email": email})
        if answer is None or answer.is_error:
            return False
        self._record.registrations += 1
        return await self._log_in(email)

    async def _log_in(self, email: str) -> bool:
        answer = await self._call("POST", "/login", "/login", {"email": email})
        if answer is None or answer.is_error:
            return False
        self._record.logins += 1
        self._user_id = answer.json()["user_id"]
        return True

    async def _install_and_run(self, slugs: list[str]) -> None:
        for slug in slugs:
            answer = await self._call("POST", "/agents/{slug}/install", f"/agents/{slug}/install")
            if answer is not None and answer.is_success:
                self._record.installs[slug] += 1
            for _ in range(self._rng.randrange(1, 5)):
                answer = await self._call("POST", "/agents/{slug}/runs", f"/agents/{slug}/runs")
                if answer is not None:
                    self._record.runs[slug] += 1
                    self._record.failed_runs[slug] += answer.status_code == SERVER_ERROR
        await self._call("GET", "/me/installs", "/me/installs")

    async def _call(
        self, method: str, route: str, path: str, body: dict[str, str] | None = None
    ) -> httpx.Response | None:
        """Send one request; None where no answer came, which is counted."""
        await asyncio.sleep(self._rng.expovariate(1 / self._pause))
        headers = {
            "x-anonymous-id": self._device.anonymous_id,
            "x-session-id": self._device.session_id,
            "x-forwarded-for": self._device.ip,
            "user-agent": self._device.user_agent,
        }
        if self._user_id:
            headers["x-user-id"] = self._user_id
        try:
            answer = await self._client.request(method, path, json=body, headers=headers)
        except httpx.TransportError:
            self._record.unanswered += 1
            return None
        self._record.requests[f"{method} {route}"] += 1
        self._record.statuses[answer.status_code] += 1
        return answer
