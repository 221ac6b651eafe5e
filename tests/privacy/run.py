"""One run of the leak test: plant, send by every protocol, wait until all of it is stored, and look everywhere."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx
from confluent_kafka import Producer
from tests.privacy import protocols
from tests.privacy.in_memory import addressed, passed
from tests.privacy.leaky_worker import keep_everything
from tests.privacy.planting import Canary, Planter
from tests.privacy.protocols.message import Call, Message, Post, Record
from tests.privacy.report import Report
from tests.privacy.scan import Needles
from tests.privacy.stack import Watched
from tests.privacy.stores import Part, slices

from tidegate import Client
from tidegate_schemas.topics import KINDS, raw_topic

SENDERS = 8
#: Engine files are read as they are: their text has come by in the tables, where it is looked at more closely.
AS_THEY_ARE = frozenset({"ClickHouse files"})


def run(stack: Watched, number: int, seed: int) -> Report:
    """Plant so many canaries, and find what became of them."""
    planter = Planter(seed, number)
    send(stack, protocols.planted(planter))
    stack.settle()
    return searched(planter.canaries, stack.stores())


def send(stack: Watched, messages: Iterable[Message]) -> None:
    """Send all of them, and keep what is answered."""
    producer = Producer({"bootstrap.servers": stack.brokers, "linger.ms": 20})
    client = Client(brokers=stack.brokers, service="canary", device=False, metrics_interval_seconds=600.0)
    posts: list[Post] = []
    for message in messages:
        match message:
            case Post():
                posts.append(message)
            case Record():
                producer.produce(raw_topic(message.kind), message.value, message.key)
                producer.poll(0)
            case Call():
                message.of(client)
    with httpx.Client(base_url=stack.gateway_url, timeout=60) as http, ThreadPoolExecutor(SENDERS) as senders:

        def post(one: Post) -> bytes:
            body, headers = addressed(one, stack.write_key)
            answer = http.post(one.path, content=body, headers=headers)
            return b"%d %r\n" % (answer.status_code, dict(answer.headers)) + answer.content

        stack.answers += senders.map(post, posts)
    assert producer.flush(60) == 0
    assert client.shutdown(60) == 0


def searched(canaries: Sequence[Canary], parts: Iterable[Part]) -> Report:
    """Which canaries are in which stores."""
    needles = Needles(canaries)
    found: defaultdict[int, set[str]] = defaultdict(set)
    size: Counter[str] = Counter()
    for store, content in slices(iter(parts)):
        size[store] += len(content)
        for number in needles.found_in(content, deep=store not in AS_THEY_ARE):
            found[number].add(store)
    return Report(canaries, found, size)


def reach(number: int, seed: int) -> set[int]:
    """Which of a run's canaries get through gates that keep every text, in this process."""
    planter = Planter(seed, number)
    messages = list(protocols.planted(planter))
    needles, plans = Needles(planter.canaries), {kind: keep_everything(kind) for kind in KINDS}
    return {found for _, content in passed(messages, plans) for found in needles.found_in(content)}
