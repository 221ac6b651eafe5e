"""Kafka's jars: locked, checked, and what is said when they can't be had."""

from pathlib import Path

import pytest
from jgo.maven import MavenContext

from tidegate_infra.broker import jars
from tidegate_infra.errors import ChecksumError, JarsUnavailableError


def lay(repository: Path, jar: jars.Jar, content: bytes) -> None:
    folder = repository / jar.group.replace(".", "/") / jar.artifact / jar.version
    folder.mkdir(parents=True)
    (folder / jar.filename).write_bytes(content)


def test_every_jar_is_locked_by_a_whole_checksum() -> None:
    locked = jars.locked_jars()
    assert len(locked) == 45
    assert all(len(jar.sha256) == 64 for jar in locked)
    assert {jar.artifact for jar in locked} >= {"kafka_2.13", "slf4j-simple"}


def test_a_jar_that_differs_from_the_lock_is_refused(tmp_path: Path) -> None:
    jar = jars.locked_jars()[0]
    lay(tmp_path / "repository", jar, b"tampered with")
    (tmp_path / "staged").mkdir()
    context = MavenContext(repo_cache=tmp_path / "repository", offline=True)
    with pytest.raises(ChecksumError, match=rf"{jar.filename} has SHA-256 [0-9a-f]{{64}}, but kafka-jars.sha256 says"):
        jars.fetch_one(context, jar, tmp_path / "staged")
    assert list((tmp_path / "staged").iterdir()) == []


def test_control_a_jar_that_matches_the_lock_is_taken(tmp_path: Path) -> None:
    jar = jars.Jar("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "org.example", "x", "1")
    lay(tmp_path / "repository", jar, b"test")
    (tmp_path / "staged").mkdir()
    context = MavenContext(repo_cache=tmp_path / "repository", offline=True)
    assert jars.fetch_one(context, jar, tmp_path / "staged") == 4
    assert [path.name for path in (tmp_path / "staged").iterdir()] == ["x-1.jar"]


def test_without_network_and_cache_the_message_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nothing listens there
    said: list[str] = []
    with pytest.raises(JarsUnavailableError, match=r"Fix: connect to the network once, or copy"):
        jars.ensure_jars(tmp_path, said.append)
    assert said[0].startswith("fetching Apache Kafka: 45 jars")
    assert jars.cached_jars(tmp_path) is None
    assert not list((tmp_path / "kafka").glob("fetch-*"))


def test_a_cache_that_lost_a_jar_counts_as_empty(tmp_path: Path) -> None:
    folder = tmp_path / "kafka" / jars.lock_digest()
    folder.mkdir(parents=True)
    for jar in jars.locked_jars():
        (folder / jar.filename).touch()
    assert jars.cached_jars(tmp_path) is None, "not verified yet"
    (folder / ".verified").touch()
    assert jars.cached_jars(tmp_path) == folder
    (folder / jars.locked_jars()[3].filename).unlink()
    assert jars.cached_jars(tmp_path) is None
