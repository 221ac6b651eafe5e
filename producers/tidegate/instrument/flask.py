"""Flask: `instrument(app, client)`."""

from __future__ import annotations

from typing import Any

import flask

from tidegate.client import Client
from tidegate.instrument.serving import braced, failed
from tidegate.instrument.wsgi import ROUTE, TidegateMiddleware


def instrument(app: flask.Flask, client: Client) -> None:
    """A span for each request by the template of its rule, an error for each exception that a view doesn't catch."""

    def keep_route() -> None:
        rule = flask.request.url_rule
        flask.request.environ[ROUTE] = braced(rule.rule) if rule is not None else ""

    def report(_sender: Any, exception: Exception, **_more: Any) -> None:
        failed(client, exception, flask.request.method, flask.request.environ.get(ROUTE, ""))

    app.before_request_funcs.setdefault(None, []).insert(0, keep_route)
    # Flask answers 500 for an exception, so that the middleware never sees it.
    flask.got_request_exception.connect(report, app, weak=False)
    app.wsgi_app = TidegateMiddleware(app.wsgi_app, client)  # type: ignore[method-assign]
