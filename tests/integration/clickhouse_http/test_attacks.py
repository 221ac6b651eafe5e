"""A longer list of what a hostile reader might send: none of it shows a file, leaves a trace or leaves the machine."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.integration.clickhouse_http.attacks import FILE_READS, REACHES, WRITES

pytestmark = pytest.mark.clickhouse
SECRET = "sealed-by-the-tide"


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("secret") / "secret.txt"
    path.write_text(SECRET + "\n")
    return path


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    """A server that waits for whoever is sent to it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        yield listening


def aimed(attack: str, secret: Path, address: str = "127.0.0.1:1") -> str:
    """An attack at this file, this target and this address."""
    at_file = re.sub(r"(?<!OUT)FILE(?!\()", str(secret), attack)
    return (
        at_file.replace("TARGET", f"{secret}.new")
        .replace("HEX", str(secret).encode().hex())
        .replace("ADDRESS", address)
    )


@pytest.mark.parametrize("attack", [*FILE_READS.values(), *WRITES.values()], ids=[*FILE_READS, *WRITES])
def test_a_reader_is_refused_and_nothing_is_left_behind(reader: httpx.Client, secret: Path, attack: str) -> None:
    for answer in (
        reader.post("/", content=aimed(attack, secret).encode()),
        reader.get("/", params={"query": aimed(attack, secret)}),
    ):
        # What hides behind a comment is gone from the text that runs.
        assert answer.status_code >= 400 or answer.text == "1\n"
        assert SECRET not in answer.text
    assert list(secret.parent.iterdir()) == [secret]


@pytest.mark.parametrize("attack", REACHES.values(), ids=REACHES)
def test_a_reader_reaches_nobody(reader: httpx.Client, secret: Path, listener: socket.socket, attack: str) -> None:
    host, port = listener.getsockname()
    assert reader.post("/", content=aimed(attack, secret, f"{host}:{port}").encode()).status_code >= 400
    with pytest.raises(TimeoutError):
        listener.accept()


@pytest.mark.parametrize("name", ["file", "FILE", "url", "python"])
def test_no_parameter_names_what_the_statement_may_not(reader: httpx.Client, secret: Path, name: str) -> None:
    sql = f"SELECT * FROM {{f:Identifier}}('{secret}', 'LineAsString')"
    answer = reader.post("/", params={"param_f": name}, content=sql)
    assert answer.status_code >= 400
    assert SECRET not in answer.text


def test_no_setting_writes_a_file(reader: httpx.Client, secret: Path) -> None:
    answer = reader.post("/", params={"output_format_schema": f"{secret}.new"}, content="SELECT 1 FORMAT Protobuf")
    assert answer.status_code >= 400
    assert list(secret.parent.iterdir()) == [secret]
