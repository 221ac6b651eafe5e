"""Items of foreign protocols, back to the endpoint that refused them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import orjson

from tidegate_infra.dead_letters.replay import Post
from tidegate_infra.errors import DeadLetterError, UnavailableError
from tidegate_infra.keys import PROJECTS, Keys

__all__ = ["poster"]

ANSWER_SECONDS = 30.0


def poster(url: str, keys: Keys) -> Post:
    """Posts with the projects' own write keys."""
    write_keys = {0: keys.internal_write_key, 1: keys.write_key}

    def post(protocol: str, project: str, item: Mapping[str, Any]) -> str:
        number = next((number for number, name in PROJECTS.items() if name == project), None)
        if number is None:
            raise DeadLetterError(f"there is no project {project!r} here; there are {', '.join(PROJECTS.values())}")
        if protocol == "segment":
            body = {"writeKey": write_keys[number], "batch": [item]}
            return _refusal(f"{url}/v1/batch", orjson.dumps(body), {"content-type": "application/json"})
        if protocol == "sentry":
            kind = "transaction" if item.get("type") == "transaction" else "event"
            header = {"event_id": item["event_id"]} if isinstance(item.get("event_id"), str) else {}
            lines = [orjson.dumps(part) for part in (header, {"type": kind}, item)]
            auth = {"x-sentry-auth": f"Sentry sentry_version=7, sentry_key={write_keys[number]}"}
            return _refusal(f"{url}/api/{number}/envelope/", b"\n".join(lines), auth)
        raise DeadLetterError(
            f"items of {protocol} can be shown and discarded, not replayed: they lack their surroundings"
        )

    return post


def _refusal(address: str, body: bytes, headers: Mapping[str, str]) -> str:
    try:
        answer = httpx.post(address, content=body, headers=dict(headers), timeout=ANSWER_SECONDS)
    except httpx.HTTPError as error:
        raise UnavailableError(f"the gateway did not answer at {address}: {error}. Does it run?") from error
    try:
        said = answer.json()
    except ValueError:
        said = {}
    problems = said.get("rejected") or ([said["error"]] if "error" in said else [])
    if problems:
        return "; ".join(f"still wrong: {problem.get('field')}: {problem.get('message')}" for problem in problems)
    return "" if answer.status_code == 200 else f"the gateway answered {answer.status_code}"
