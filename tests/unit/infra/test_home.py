"""Ports, keys and the lock of a home."""

import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from nacl.public import PrivateKey

from tidegate_infra import home, ports
from tidegate_infra.broker.java import parse_major
from tidegate_infra.errors import HomeInUseError, PortInUseError
from tidegate_infra.keys import ensure_edge_key, ensure_keys, loose_files
from tidegate_infra.processes import free_ports, pss_bytes
from tidegate_infra.runtime import addresses, child_environment, embedded_services
from tidegate_infra.settings import Settings, load
from tidegate_stream.gate.keys import DirectoryKeys


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(home=tmp_path / "home", cache=tmp_path / "cache")
    home.prepare_home(made)
    return made


def test_a_port_that_was_set_and_is_taken_is_an_error_that_names_it(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        asked = settings.model_copy(update={"gateway_port": port})
        with pytest.raises(PortInUseError, match=f"TIDEGATE_GATEWAY_PORT asks for port {port}"):
            ports.resolve(asked, ["gateway"])


def test_a_port_that_was_chosen_is_kept_over_a_restart(settings: Settings) -> None:
    first = ports.resolve(settings, ["controller"])
    assert ports.resolve(settings, ["controller"]) == first


def test_a_remembered_port_that_is_taken_is_replaced(settings: Settings) -> None:
    first = ports.resolve(settings, ["controller"])["controller"]
    with socket.create_server(("127.0.0.1", first)):
        second = ports.resolve(settings, ["controller"])["controller"]
    assert second != first
    assert ports.remembered(settings) == {"controller": second}


def test_two_stacks_that_start_at_once_get_different_ports(settings: Settings, tmp_path: Path) -> None:
    other = Settings(home=tmp_path / "other", cache=settings.cache)
    names = [*ports.USUAL, "controller"]
    one, two = ports.PortClaims(settings.cache), ports.PortClaims(settings.cache)
    first, second = ports.resolve(settings, names, one), ports.resolve(other, names, two)
    assert not set(first.values()) & set(second.values())
    one.release()
    two.release()


def test_a_port_just_left_by_a_server_counts_as_free(settings: Settings) -> None:
    (port,) = free_ports(1)
    with socket.create_server(("127.0.0.1", port)) as server, socket.create_connection(("127.0.0.1", port)) as client:
        accepted, _ = server.accept()
        accepted.close()  # the server's side closes first and stays in TIME_WAIT
        assert client.recv(1) == b""
    assert ports.is_free(port)


def test_keys_are_made_once_and_only_for_the_owner(settings: Settings) -> None:
    first = ensure_keys(settings)
    assert ensure_keys(settings) == first
    assert loose_files(settings.keys_dir) == []
    assert stat.S_IMODE(settings.keys_dir.stat().st_mode) == 0o700
    private = PrivateKey(bytes.fromhex((settings.keys_dir / "dead-letters.key").read_text()))
    assert bytes(private.public_key) == first.dead_letter_public_key


def test_the_gate_finds_its_keys_where_they_are_made(settings: Settings) -> None:
    made = ensure_keys(settings)
    found = DirectoryKeys(settings.keys_dir)
    assert found.dead_letter_key == made.dead_letter_public_key
    assert {len(epoch.key) for project in ("default", "tidegate") for epoch in found.epochs(project)} == {32}
    assert found.epochs("default") != found.epochs("tidegate")


def test_a_write_key_that_was_set_is_used(settings: Settings) -> None:
    assert ensure_keys(settings.model_copy(update={"write_key": "my-own-key"})).write_key == "my-own-key"


def test_keys_do_not_show_in_a_repr(settings: Settings) -> None:
    keys = ensure_keys(settings)
    assert keys.clickhouse_password not in repr(keys)
    assert keys.internal_write_key not in repr(keys)


def test_a_key_that_others_can_read_is_found(settings: Settings) -> None:
    ensure_keys(settings)
    (settings.keys_dir / "write-key").chmod(0o644)
    assert loose_files(settings.keys_dir) == [settings.keys_dir / "write-key"]


def test_many_processes_make_the_same_keys(settings: Settings) -> None:
    script = (
        "import sys; from tidegate_infra.keys import ensure_keys; from tidegate_infra.settings import Settings;"
        "print(ensure_keys(Settings(home=sys.argv[1])).internal_write_key)"
    )
    argv = [sys.executable, "-c", script, str(settings.home)]
    running = [subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert len({process.communicate()[0] for process in running}) == 1


def test_a_second_stack_on_the_same_home_is_told_who_holds_it(settings: Settings) -> None:
    with home.hold(settings):
        said = home.holder(settings)
        assert said is not None and said.startswith("process ")
        with pytest.raises(HomeInUseError, match=f"in use by {said}"), home.hold(settings):
            raise AssertionError("held twice")
    assert home.holder(settings) is None


def test_a_holder_that_was_killed_holds_nothing(settings: Settings) -> None:
    script = (
        "import sys, time; from tidegate_infra.home import hold; from tidegate_infra.settings import Settings\n"
        "with hold(Settings(home=sys.argv[1])):\n print('held', flush=True); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(settings.home)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    assert home.holder(settings) is not None
    process.kill()
    process.wait()
    process.stdout.close()
    with home.hold(settings):
        pass


def test_services_of_your_own_are_not_run_embedded(settings: Settings) -> None:
    own = settings.model_copy(update={"brokers": "kafka:9092", "clickhouse_url": "https://db:8443/"})
    assert embedded_services(own) == ["worker", "gateway", "dashboard", "alerts"]
    assert (addresses(own).brokers, addresses(own).clickhouse_url) == ("kafka:9092", "https://db:8443")


def test_addresses_follow_the_ports_that_were_chosen_last(settings: Settings) -> None:
    chosen = ports.resolve(settings, ports.USUAL)
    assert addresses(settings).gateway_url == f"http://127.0.0.1:{chosen['gateway']}"
    assert addresses(settings).dsn("key", 1) == f"http://key@127.0.0.1:{chosen['gateway']}/1"
    assert child_environment(settings, chosen)["TIDEGATE_BROKER_PORT"] == str(chosen["broker"])


def test_services_have_the_settings_of_their_stack_wherever_these_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own: dict[str, Any] = {
        "brokers": "kafka:9092",
        "report_exceptions": False,
        "flush_seconds": 0.5,
        "write_key": "a-write-key",
    }
    settings = Settings(home=tmp_path, cache=tmp_path / "cache", **own)
    for name, value in child_environment(settings, {}).items():
        monkeypatch.setenv(name, value)
    assert load() == settings


def test_a_host_for_everybody_opens_only_gateway_and_dashboard(settings: Settings) -> None:
    opened = settings.model_copy(update={"host": "0.0.0.0"})
    hosts = {name: ports.host_of(opened, name) for name in ports.USUAL}
    assert {name for name, host in hosts.items() if host == "0.0.0.0"} == {"gateway", "dashboard"}


@pytest.mark.parametrize(("text", "major"), [("17.0.15", 17), ("1.8.0_412", 8), ("25", 25), ("", 0), ("internal", 0)])
def test_major_version_of_java(text: str, major: int) -> None:
    assert parse_major(text) == major


def test_memory_of_a_process_counts_its_children() -> None:
    script = (
        "import subprocess, sys; b = bytearray(30_000_000); print(subprocess.Popen([sys.executable, '-c', 'print(1)"
    )
    script += "; b = bytearray(30_000_000); input()'], stdin=subprocess.PIPE).pid, flush=True); input()"
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.readline()
    try:
        assert pss_bytes(process.pid) > 30_000_000
    finally:
        process.kill()
        process.communicate()
    assert pss_bytes(process.pid) == 0


def test_an_edge_key_is_made_where_events_are_to_be_sealed_and_follows_the_gates_key(settings: Settings) -> None:
    assert ensure_edge_key(settings) is None
    assert not (settings.keys_dir / "sealing.key").exists()
    sealing = settings.model_copy(update={"seal_raw": True})
    first = ensure_edge_key(sealing)
    assert first == ensure_edge_key(sealing) == (settings.keys_dir / "edge.key").read_text()
    (settings.keys_dir / "sealing.key").rename(settings.keys_dir / "sealing-1.key")
    second = ensure_edge_key(sealing)
    assert first is not None and second is not None
    assert second[:64] != first[:64]
    assert second[64:] == first[64:]  # people stay in their partitions
    assert second == (settings.keys_dir / "edge.key").read_text()
    assert loose_files(settings.keys_dir) == []


def test_an_edge_key_that_was_given_leaves_no_private_key_on_the_machine(settings: Settings) -> None:
    given = settings.model_copy(update={"seal_raw": True, "edge_key": "ab" * 64})
    assert ensure_edge_key(given) == "ab" * 64
    assert not (settings.keys_dir / "sealing.key").exists()
