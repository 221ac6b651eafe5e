"""The way from a request to what the gate writes, in this process: for controls, and to look for leaks quickly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from nacl.public import PrivateKey
from starlette.testclient import TestClient
from tests.privacy.protocols.message import KEY, Call, Message, Post, Record

from tidegate import Client
from tidegate.publish import MemoryPublisher
from tidegate_gateway.app import create_app
from tidegate_gateway.settings import GatewaySettings, Project
from tidegate_schemas.columns import ColumnCodec
from tidegate_schemas.subjects import raw_schema
from tidegate_schemas.topics import DEAD_LETTERS, KINDS, OUTCOMES, Kind, raw_topic
from tidegate_stream.gate import Gate, MemoryKeys, Records, Seen
from tidegate_stream.gate.passage import KindGate
from tidegate_stream.gate.plan import Plan

WRITE_KEY = "w" * 32
CHUNK = 500


def addressed(post: Post, write_key: str) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a request with the project's key."""
    headers = {name: value.replace(KEY, write_key) for name, value in post.headers.items()}
    return post.body.replace(KEY.encode(), write_key.encode()), headers


def passed(messages: Iterable[Message], plans: dict[Kind, Plan]) -> Iterator[tuple[str, bytes]]:
    """What is answered, and all that the gateway and the gate write of these messages; `plans` are the gates'."""
    publisher = MemoryPublisher(capacity=10_000_000)
    dead_letter_key = bytes(PrivateKey.generate().public_key)
    settings = GatewaySettings("127.0.0.1", 0, "nowhere:1", (Project(1, "default", WRITE_KEY),), dead_letter_key)
    own: defaultdict[Kind, list[bytes]] = defaultdict(list)
    client = Client(publisher=publisher, service="canary", device=False)
    http = TestClient(create_app(settings, publisher), raise_server_exceptions=False)
    for message in messages:
        match message:
            case Post():
                body, headers = addressed(message, WRITE_KEY)
                yield "answers", http.post(message.path, content=body, headers=headers).content
            case Record():
                own[message.kind].append(message.value)
            case Call():
                message.of(client)
    client.shutdown()
    for topic in (DEAD_LETTERS, OUTCOMES):
        yield topic, b"\n".join(key + b"\n" + value for key, value in publisher.records.get(topic, []))
    keys = MemoryKeys({"default": b"k" * 32}, dead_letter_key)
    for kind in KINDS:
        values = [*(value for _, value in publisher.records.get(raw_topic(kind), [])), *own[kind]]
        yield from _gated(kind, values, keys, plans.get(kind))


def _gated(kind: Kind, values: list[bytes], keys: MemoryKeys, plan: Plan | None) -> Iterator[tuple[str, bytes]]:
    gate, codec = KindGate(kind, keys), ColumnCodec(raw_schema(kind))
    gate.gate = Gate(kind, keys, plan)
    for begin in range(0, len(values), CHUNK):
        chunk = values[begin : begin + CHUNK]
        decoded = codec.decode(chunk)
        records = Records(raw_topic(kind), 0, range(begin, begin + len(chunk)), chunk, [0] * len(chunk))
        batch = gate.encode(gate.gate.process(decoded.frame, decoded.bad, records, Seen()))
        yield f"clean.{kind}", b"\n".join([*batch.clean, *batch.keys])
        yield "dead-letters", b"\n".join(batch.dead_letters)
        yield "outcomes", b"\n".join(batch.outcomes)
