"""What the doctor says of a machine and a home, without a running stack."""

import socket
from pathlib import Path

import pytest

from tidegate_infra import home
from tidegate_infra.doctor import Finding, Verdict, examine, render
from tidegate_infra.keys import ensure_keys
from tidegate_infra.settings import Settings


def findings(settings: Settings) -> dict[str, Finding]:
    return {finding.subject: finding for finding in examine(settings)}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(home=tmp_path / "home")
    home.prepare_home(made)
    return made


def test_a_home_at_rest_has_nothing_wrong(settings: Settings) -> None:
    found = findings(settings)
    assert [finding for finding in found.values() if finding.verdict is Verdict.WRONG] == []
    assert found["stack"].fix == "start one with `tidegate up`"


def test_every_finding_that_is_not_ok_says_how_to_fix_it(settings: Settings) -> None:
    for finding in findings(settings).values():
        assert (finding.verdict is Verdict.OK) == (finding.fix == "")


def test_a_key_that_others_can_read_is_wrong(settings: Settings) -> None:
    ensure_keys(settings)
    (settings.keys_dir / "clickhouse-writer").chmod(0o640)
    found = findings(settings)["keys"]
    assert found.verdict is Verdict.WRONG
    assert "clickhouse-writer" in found.found
    assert found.fix.startswith("chmod 600")


def test_a_salt_that_outlived_its_time_is_wrong_and_one_on_a_disk_is_noted(settings: Settings, tmp_path: Path) -> None:
    salts = settings.model_copy(update={"salts_dir": tmp_path / "salts"})
    assert findings(salts)["salts"].verdict is Verdict.OK
    (tmp_path / "salts").mkdir(0o700)
    (tmp_path / "salts" / "salt-20000").touch(0o600)
    found = findings(salts)["salts"]
    assert (found.verdict, "2024-10-04" in found.found) == (Verdict.WRONG, True)


def test_a_set_port_that_is_taken_is_wrong(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = findings(settings.model_copy(update={"gateway_port": port}))["port of gateway"]
    assert found.verdict is Verdict.WRONG
    assert f"{port}, which was set, is taken" in found.found


def test_a_misspelt_variable_is_noted(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_GATEWAYPORT", "1")
    assert "TIDEGATE_GATEWAYPORT" in findings(settings)["settings"].found


def test_a_home_that_cannot_be_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = findings(Settings(home=tmp_path / "file" / "home"))
    assert found["home"].verdict is Verdict.WRONG


def test_jars_that_are_neither_cached_nor_reachable_are_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nothing listens there
    found = findings(Settings(home=tmp_path / "home", cache=tmp_path / "cache"))["Kafka's jars"]
    assert found.verdict is Verdict.WRONG
    assert "tidegate install" in found.fix


def test_a_kafka_of_your_own_needs_neither_java_nor_jars(settings: Settings) -> None:
    assert not {"Java", "Kafka's jars"} & set(findings(settings.model_copy(update={"brokers": "kafka:9092"})))


def test_a_fix_stands_below_its_finding() -> None:
    lines = list(render([Finding("disk", Verdict.WRONG, "full", "free some"), Finding("Java", Verdict.OK, "25")]))
    assert lines == ["WRONG  disk: full", "       Fix: free some", "ok     Java: 25"]
