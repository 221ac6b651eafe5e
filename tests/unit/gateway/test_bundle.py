"""How the browser SDK's file is handed out."""

from __future__ import annotations

import gzip

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from tidegate_gateway.browser.bundle import Bundle
from tidegate_gateway.browser.routes import no_bundle, serve

BUNDLE = Bundle.of(b"window.tidegate = {};")


def ask(bundle: Bundle | None, query: str = "", **headers: str) -> httpx.Response:
    def script(request: Request) -> Response:
        return no_bundle() if bundle is None else serve(bundle, request)

    client = TestClient(Starlette(routes=[Route("/tidegate.js", script)]))
    answer: httpx.Response = client.get(f"/tidegate.js{query}", headers=headers)
    return answer


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_the_file_comes_as_it_is_with_its_version(encoding: str) -> None:
    answer = ask(BUNDLE, **{"accept-encoding": encoding})
    assert answer.content == BUNDLE.plain
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["etag"] == f'"{BUNDLE.digest}"'
    assert answer.headers["x-tidegate-bundle"] == BUNDLE.digest
    assert (answer.headers.get("content-encoding") == "gzip") is (encoding == "gzip")
    assert gzip.decompress(BUNDLE.gzipped) == BUNDLE.plain


def test_a_browser_that_has_it_gets_nothing() -> None:
    answer = ask(BUNDLE, **{"if-none-match": f'"{BUNDLE.digest}"'})
    assert (answer.status_code, answer.content) == (304, b"")
    assert ask(BUNDLE, **{"if-none-match": '"another"'}).status_code == 200


def test_only_under_its_version_it_is_kept_for_ever() -> None:
    assert "immutable" in ask(BUNDLE, f"?v={BUNDLE.digest}").headers["cache-control"]
    assert "immutable" not in ask(BUNDLE, "?v=another").headers["cache-control"]
    assert "immutable" not in ask(BUNDLE).headers["cache-control"]


def test_without_a_bundle_the_answer_says_how_to_get_one() -> None:
    answer = ask(None)
    assert answer.status_code == 404
    assert "tidegate install" in answer.json()["error"]["message"]
