"""Addresses and user agents made less telling, and the keys of pseudonyms."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest
from nacl.public import PrivateKey, SealedBox

from tidegate_schemas.networks import truncated_ip
from tidegate_stream.gate import DirectoryKeys, KeyFileError, MemoryKeys, Pseudonymiser, Sealer
from tidegate_stream.gate.epochs import EpochKey
from tidegate_stream.gate.values import coarse_user_agent

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"
)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("2001:db8:1234:5678::1", "2001:db8:1234::"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("fe80::1%eth0", "fe80::"),
        ("nowhere", None),
        ("", None),
    ],
)
def test_addresses_are_cut_to_their_network(address: str, network: str | None) -> None:
    assert truncated_ip(address) == network


@pytest.mark.parametrize(
    ("text", "coarse"),
    [
        (CHROME, "Chrome 120 / Windows"),
        (CHROME.replace("Safari/537.36", "Safari/537.36 Edg/121.0"), "Edge 121 / Windows"),
        ("Mozilla/5.0 (iPhone; CPU) Version/17.1 Mobile/15E148 Safari/604.1", "Safari 17 / iOS"),
        ("curl/8.4.0", "curl 8 / Other"),
        ("jane@example.org/1.0", "Other / Other"),
        ("", "Other / Other"),
    ],
)
def test_user_agents_are_family_and_platform(text: str, coarse: str) -> None:
    assert coarse_user_agent(text) == coarse
    assert coarse_user_agent(coarse) == coarse


def test_a_pseudonym_is_the_start_of_the_hmac_and_differs_by_project() -> None:
    names = Pseudonymiser(MemoryKeys({"a": b"a" * 32, "b": b"b" * 32}, b"x" * 32), capacity=1)
    expected = hmac.new(b"a" * 32, b"jane", hashlib.sha256).hexdigest()[:32]
    assert [names.pseudonym("a", "jane", 0) for _ in range(3)] == [expected] * 3
    assert names.pseudonym("b", "jane", 0) != expected
    assert names.pseudonym("c", "jane", 0) is None


def test_only_the_private_key_opens_what_was_sealed() -> None:
    private = PrivateKey.generate()
    sealed = Sealer(bytes(private.public_key)).seal(b"jane")
    assert b"jane" not in sealed
    assert SealedBox(private).decrypt(sealed) == b"jane"


def test_keys_of_a_directory_are_read_when_needed(tmp_path: Path) -> None:
    private = PrivateKey.generate()
    (tmp_path / "dead-letters").touch(0o600)
    (tmp_path / "dead-letters").write_text(bytes(private).hex())
    keys = DirectoryKeys(tmp_path, ensured=["default"])
    assert keys.dead_letter_key == bytes(private.public_key)
    made = keys.epochs("default")
    assert len(made) == 1
    assert DirectoryKeys(tmp_path, ensured=["default"]).epochs("default") == made
    assert (tmp_path / "pseudonym-default.key").stat().st_mode & 0o077 == 0
    assert keys.epochs("shop") == ()
    shop = tmp_path / "pseudonym-shop.key"
    shop.touch(0o600)
    shop.write_text("ab" * 32)
    assert keys.epochs("shop") == (EpochKey(0, b"\xab" * 32),)
    assert keys.epochs("../dead-letters") == ()


def test_a_key_file_without_a_key_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "dead-letters.pub").write_text("short")
    with pytest.raises(KeyFileError, match="must hold 64 hexadecimal digits"):
        DirectoryKeys(tmp_path)
