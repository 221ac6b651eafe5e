"""What a Python application does with Tidegate's own SDK."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tests.privacy.planting import Planter
from tests.privacy.protocols.message import Call, Message
from tests.privacy.protocols.sentry import statements

from tidegate import Client


def messages(planter: Planter) -> Iterator[Message]:
    """Events, an exception with telling variables, spans and metrics."""
    planter.protocol = "sdk"
    user = planter.person()
    name, properties, traits = (
        planter.text("event name"),
        planter.object("JSON value"),
        {"name": planter.bare("id", ["name"])},
    )
    url = f"https://example.org/{planter.bare('URL path')}?a=1&q={planter.bare('URL query')}"
    previous = planter.bare("id")
    yield Call(lambda client: client.track(name, properties, user_id=user, url=url))
    yield Call(lambda client: client.identify(user, traits))
    yield Call(lambda client: client.alias(previous, user))
    planter.anyone()
    words, secret, page = planter.text("message"), planter.text("local variable"), planter.text("event name")
    yield Call(lambda client: fail(client, words, secret))
    yield Call(lambda client: client.page(page))
    for statement in statements(planter):
        yield Call(partial(query, statement=statement))
    metric, labels = planter.text("event name"), {"a": planter.text("metric label"), "b": planter.text("metric label")}
    yield Call(lambda client: client.counter(metric).add(1, labels))


def fail(client: Client, message: str, secret: str) -> None:
    """Report an exception whose frame holds a secret."""
    try:
        raise ValueError(message + secret[:0])
    except ValueError as error:
        client.error(error)


def query(client: Client, statement: str) -> None:
    """A span of a query."""
    with client.span("query", "query") as span:
        span.say(statement=statement)
