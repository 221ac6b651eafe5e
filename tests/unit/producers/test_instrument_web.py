"""Frameworks that serve requests: one line of instrumentation, and what a request and its failure become."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import django
import fastapi
import flask
import httpx
import pytest
from django.conf import settings as django_settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from tests.unit.producers.recording import Recording

import tidegate
from tidegate.instrument import asgi, wsgi
from tidegate.instrument import fastapi as for_fastapi
from tidegate.instrument import flask as for_flask

TRACE, PARENT = "a" * 32, "b" * 16
HEADERS = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
Get = Callable[[str], Any]


def view(client: tidegate.Client, number: int) -> str:
    """What each framework's view does."""
    if number == 13:
        raise ValueError("unlucky")
    client.track("viewed")
    return "seen"


def with_fastapi(client: tidegate.Client) -> httpx.ASGITransport:
    app = fastapi.FastAPI()

    @app.get("/agents/{number}")
    async def agent(number: int) -> str:
        return view(client, number)

    for_fastapi.instrument(app, client)
    return httpx.ASGITransport(app, raise_app_exceptions=False)


def with_starlette(client: tidegate.Client) -> httpx.ASGITransport:
    async def agent(request: Request) -> PlainTextResponse:
        return PlainTextResponse(view(client, int(request.path_params["number"])))

    app = Starlette(routes=[Route("/agents/{number}", agent)])
    for_fastapi.instrument(app, client)
    return httpx.ASGITransport(app, raise_app_exceptions=False)


def with_flask(client: tidegate.Client) -> httpx.WSGITransport:
    app = flask.Flask("shop")

    @app.get("/agents/<int:number>")
    def agent(number: int) -> str:
        return view(client, number)

    for_flask.instrument(app, client)
    return httpx.WSGITransport(app)


def django_view(_request: HttpRequest, number: int) -> HttpResponse:
    return HttpResponse(view(tidegate.current_client(), number))


async def django_async_view(_request: HttpRequest, number: int) -> HttpResponse:
    return HttpResponse(view(tidegate.current_client(), number))


urlpatterns = [path("agents/<int:number>", django_view), path("later/<int:number>", django_async_view)]


def prepare_django() -> None:
    if not django_settings.configured:
        django_settings.configure(
            ROOT_URLCONF=__name__,
            MIDDLEWARE=["tidegate.instrument.django.TidegateMiddleware"],
            ALLOWED_HOSTS=["*"],
            SECRET_KEY="x",
            LOGGING_CONFIG=None,
        )
        django.setup()


def with_django(_client: tidegate.Client) -> httpx.WSGITransport:
    prepare_django()
    return httpx.WSGITransport(get_wsgi_application(), raise_app_exceptions=False)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recording]:
    """A client that is the process's own, too, as Django's middleware wants it."""
    client = Recording(device=False)
    monkeypatch.setattr(tidegate, "_clients", [client])
    yield client
    client.shutdown()


async def ask(transport: Any, address: str) -> int:
    """The status of an answer."""
    if isinstance(transport, httpx.WSGITransport):
        return _ask_wsgi(transport, address)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as session:
        return (await session.get(address, headers=HEADERS)).status_code


def _ask_wsgi(transport: httpx.WSGITransport, address: str) -> int:
    with httpx.Client(transport=transport, base_url="http://shop.example") as session:
        return session.get(address, headers=HEADERS).status_code


FRAMEWORKS = pytest.mark.parametrize("framework", [with_fastapi, with_starlette, with_flask, with_django])


@FRAMEWORKS
async def test_a_request_is_a_span_by_its_route_in_the_callers_trace(framework: Any, client: Recording) -> None:
    assert await ask(framework(client), "/agents/7") == 200
    (span,), (viewed,) = client.of("span"), client.sent
    assert (span["name"], span["operation"], span["route"], span["method"]) == (
        "GET /agents/{number}",
        "request",
        "/agents/{number}",
        "GET",
    )
    assert (span["status_code"], span["status"]) == (200, "ok")
    assert (span["trace_id"], span["parent_span_id"], viewed["trace_id"]) == (TRACE, PARENT, TRACE)


@FRAMEWORKS
async def test_an_exception_is_an_error_of_its_request_that_nobody_caught(framework: Any, client: Recording) -> None:
    assert await ask(framework(client), "/agents/13") == 500
    (span,), (error,) = client.of("span"), client.of("error")
    assert (span["status_code"], span["status"], span["route"]) == (500, "error", "/agents/{number}")
    assert (error["name"], error["message"], error["handled"]) == ("ValueError", "unlucky", False)
    assert (error["route"], error["method"], error["trace_id"]) == ("/agents/{number}", "GET", TRACE)
    assert error["span_id"] == span["span_id"]
    assert json.loads(error["stack"])[-1]["function"] == "view"


@FRAMEWORKS
async def test_what_no_route_takes_has_none_and_its_path_is_not_told(framework: Any, client: Recording) -> None:
    assert await ask(framework(client), "/anna@example.org") == 404
    (span,) = client.of("span")
    assert (span["name"], span["route"], span["status_code"], span["status"]) == ("GET", "", 404, "ok")


async def test_djangos_async_views_are_served_by_the_same_middleware(client: Recording) -> None:
    prepare_django()
    transport = httpx.ASGITransport(get_asgi_application())
    assert await ask(transport, "/later/7") == 200
    (span,), (viewed,) = client.of("span"), client.sent
    assert (span["route"], span["status_code"], viewed["trace_id"]) == ("/later/{number}", 200, TRACE)


async def test_any_asgi_application_may_name_its_routes(client: Recording) -> None:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    wrapped = asgi.TidegateMiddleware(app, client, route=lambda _: "/own")
    assert await ask(httpx.ASGITransport(wrapped), "/") == 204
    assert client.of("span")[0]["route"] == "/own"


def test_a_wsgi_request_lasts_until_its_body_is_closed(client: Recording) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ[wsgi.ROUTE] = "/own"
        start_response("200 OK", [])
        return [b"seen"]

    body: Any = wsgi.TidegateMiddleware(app, client)({"REQUEST_METHOD": "GET"}, lambda *_: None)
    assert list(body) == [b"seen"]
    client.track("after it returned")
    assert client.of("span") == []
    body.close()
    assert client.of("span")[0]["name"] == "GET /own"
    assert client.sent[0]["trace_id"] is None


def test_a_wsgi_application_that_raises_is_reported_and_still_raises(client: Recording) -> None:
    def app(_environ: Any, _start_response: Any) -> list[bytes]:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        wsgi.TidegateMiddleware(app, client)({"REQUEST_METHOD": "GET"}, lambda *_: None)
    assert [span["status_code"] for span in client.of("span")] == [500]
    assert [error["handled"] for error in client.of("error")] == [False]
