"""What codecs need of a schema registry: the double in memory, and the client over Confluent's REST API.

The client is held to a small server, which can be made to fail, and to a real registry.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.contract.registry import apicurio
from tests.contract.registry.server import Server

from tidegate_schemas.columns import ColumnCodec
from tidegate_schemas.errors import RegistryError, RegistryUnavailableError, SchemaRefusedError, UnknownSchemaError
from tidegate_schemas.evolution import register_history
from tidegate_schemas.registry import MemoryRegistry, RegistryClient, SchemaRegistry
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import Schema, all_schemas, outcome_schema, raw_schema

MINUTE = 1_772_366_400_000_000
OUTCOME = {"outcome_id": "o", "minute": MINUTE, "outcome": "dropped", "reason": "oversize", "quantity": 3}


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def real(schema_registry: str) -> RegistryClient:
    """A client of a real registry that has no subjects."""
    apicurio.empty(schema_registry)
    return RegistryClient(schema_registry)


REAL = pytest.param("real", marks=pytest.mark.registry)


@pytest.fixture(params=["http", REAL])
def client(request: pytest.FixtureRequest) -> RegistryClient:
    if request.param == "real":
        client: RegistryClient = request.getfixturevalue("real")
        return client
    server: Server = request.getfixturevalue("server")
    return RegistryClient(server.url)


@pytest.fixture(params=["memory", "http", REAL])
def registry(request: pytest.FixtureRequest) -> SchemaRegistry:
    makers: dict[str, Callable[[], SchemaRegistry]] = {
        "memory": MemoryRegistry,
        "http": lambda: RegistryClient(request.getfixturevalue("server").url),
        "real": lambda: request.getfixturevalue("real"),
    }
    return makers[request.param]()


def with_field(field: dict[str, Any]) -> Schema:
    schema = outcome_schema()
    return replace(schema, definition={**schema.definition, "fields": [*schema.definition["fields"], field]})


def test_a_schema_gets_an_id_once_and_is_found_by_it(registry: SchemaRegistry) -> None:
    track, outcome = raw_schema("track"), outcome_schema()
    assert registry.find(track) is None
    first, second = registry.register(track), registry.register(outcome)
    assert first != second
    assert (registry.register(track), registry.find(track)) == (first, first)
    assert registry.definition(first) == track.definition
    assert registry.definition(999) is None


def test_records_written_with_a_registry_are_read_with_it(registry: SchemaRegistry) -> None:
    rows, columns = RowCodec(outcome_schema(), registry), ColumnCodec(outcome_schema(), registry)
    record = rows.encode(OUTCOME)
    assert record[:1] == b"\x00"
    assert rows.decode(record)["quantity"] == 3
    assert columns.decode([record]).frame["quantity"].to_list() == [3]


def test_a_schema_that_only_the_registry_knows_is_not_decoded_with(client: RegistryClient) -> None:
    codec = RowCodec(outcome_schema(), client)
    foreign = client.register(raw_schema("track"))
    with pytest.raises(UnknownSchemaError, match=f"claims schema {foreign}"):
        codec.decode(b"\x00" + foreign.to_bytes(4, "big") + b"body")


def test_a_record_never_makes_the_decoder_ask(server: Server) -> None:
    codec = RowCodec(outcome_schema(), RegistryClient(server.url))
    asked = len(server.seen)
    with pytest.raises(UnknownSchemaError):
        codec.decode(b"\x00" + (999).to_bytes(4, "big") + b"body")
    assert len(server.seen) == asked


def test_the_whole_history_is_registered_and_found_again(client: RegistryClient) -> None:
    ids = register_history(client)
    assert set(ids) == {schema.subject for schema in all_schemas()}
    assert {schema.subject: client.find(schema) for schema in all_schemas()} == {
        subject: versions[-1] for subject, versions in ids.items()
    }
    assert register_history(client) == ids


@pytest.mark.registry
def test_a_real_registry_refuses_what_our_own_check_would_refuse(real: RegistryClient) -> None:
    register_history(real)
    assert real.register(with_field({"name": "added", "type": "long", "default": 0}))
    with pytest.raises(SchemaRefusedError, match="409"):
        real.register(with_field({"name": "added", "type": "long"}))


def test_every_subject_is_guarded(server: Server) -> None:
    ids = register_history(RegistryClient(server.url))
    assert set(server.compatibility) == set(ids)
    assert set(server.compatibility.values()) == {"FULL_TRANSITIVE"}


def test_credentials_go_along(server: Server) -> None:
    RegistryClient(server.url, user="tide", password="gate").find(outcome_schema())
    assert server.seen[-1][2] == "Basic " + base64.b64encode(b"tide:gate").decode()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (409, b'{"error_code": 409, "message": "incompatible"}', SchemaRefusedError),
        (422, b"{}", SchemaRefusedError),
        (401, b"{}", RegistryError),
        (429, b"{}", RegistryUnavailableError),
        (503, b"busy", RegistryUnavailableError),
        (200, b"<html>", RegistryError),
        (200, b"[]", RegistryError),
    ],
)
def test_every_answer_that_is_none_is_an_error_of_its_kind(
    server: Server, status: int, body: bytes, kind: type[RegistryError]
) -> None:
    server.failing = (status, body)
    with pytest.raises(kind) as caught:
        RegistryClient(server.url).register(outcome_schema())
    assert type(caught.value) is kind
    assert str(server.server_port) in str(caught.value)


def test_a_registry_that_is_away_is_worth_another_try() -> None:
    with pytest.raises(RegistryUnavailableError, match="can't be reached"):
        RegistryClient("http://127.0.0.1:1", timeout_seconds=2).find(outcome_schema())


def test_an_address_that_is_none_is_named() -> None:
    with pytest.raises(RegistryError, match="'ftp://x' must start with http"):
        RegistryClient("ftp://x")
