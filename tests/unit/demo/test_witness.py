"""What was acknowledged and isn't there once the pipeline has passed it is lost, and nothing else is."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast
from urllib.parse import parse_qs, urlsplit

import pytest
from clickhouse_connect.driver.client import Client

from tidegate_infra.demo.summary import Account
from tidegate_infra.demo.witness import Promises, Witness, key_of
from tidegate_schemas.identity import derived_event_id


def test_what_is_found_is_checked() -> None:
    promises = Promises()
    promises.add(["a", "b"])
    promises.mark()
    promises.settle({"a": 1, "b": 1})
    assert (promises.acknowledged, promises.checked, promises.lost) == (2, 2, 0)


def test_a_planted_loss_is_told_and_stays_told_until_it_is_found_after_all() -> None:
    promises = Promises()
    promises.add(["a", "b", "c"])
    promises.mark()
    promises.settle({"a": 1, "c": 1})
    assert (promises.checked, promises.lost) == (2, 1)
    promises.mark()
    promises.settle({})
    assert (promises.checked, promises.lost) == (2, 1)
    promises.mark()
    promises.settle({"b": 1})
    assert (promises.checked, promises.lost) == (3, 0)


def test_what_came_after_the_mark_may_still_be_on_its_way() -> None:
    promises = Promises()
    promises.add(["a"])
    promises.mark()
    promises.add(["b"])
    promises.settle({"a": 1})
    assert (promises.acknowledged, promises.checked, promises.lost) == (2, 1, 0)


def test_points_of_one_time_are_counted() -> None:
    promises = Promises()
    promises.add(["1800000000000000"] * 3)
    promises.mark()
    promises.settle({"1800000000000000": 2})
    assert (promises.checked, promises.lost) == (2, 1)


@pytest.mark.parametrize(
    ("kind", "key", "known"),
    [
        ("track", "m-1", derived_event_id("segment", "default", "m-1")),
        ("error", "0f" * 16, derived_event_id("sentry", "default", "0f" * 16)),
        ("span", "ab:cd", derived_event_id("span", "default", "ab", "cd")),
        ("metric", "1800000000000000", "1800000000000000"),
    ],
)
def test_each_kind_is_known_by_its_own_key(kind: str, key: str, known: str) -> None:
    assert key_of("default", kind, key) == known


KEYS = [("track", f"m-{number}") for number in range(100)]


@pytest.fixture
def marketplace() -> Iterator[str]:
    """Serves what was acknowledged; whoever asks waits a little for another to ask at the same time."""
    together = threading.Barrier(2)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with contextlib.suppress(threading.BrokenBarrierError):
                together.wait(0.3)
            since = int(parse_qs(urlsplit(self.path).query)["since"][0])
            body = json.dumps({"next": len(KEYS), "keys": KEYS[since:]}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_what_two_threads_collect_at_once_counts_once(marketplace: str) -> None:
    """A look that goes on in its thread when the demo ends once made losses of what it had collected twice."""
    nobody = cast(Client, None)  # collecting asks the marketplace only
    witness = Witness("127.0.0.1:1", nobody, "default", marketplace, Account(0, {}, {}))
    threads = [threading.Thread(target=witness.collect) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert witness.promises.acknowledged == len(KEYS)
