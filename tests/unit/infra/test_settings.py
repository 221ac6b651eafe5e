"""Settings: where they come from, and what is said about wrong ones."""

from pathlib import Path

import pytest

from tidegate_infra import settings_table
from tidegate_infra.errors import SettingsError
from tidegate_infra.settings import load, unknown_variables


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(__import__("os").environ):
        if name.startswith("TIDEGATE_"):
            monkeypatch.delenv(name)


def test_a_home_without_a_file_has_the_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert (settings.home, settings.partitions, settings.gateway_port) == (tmp_path, 1, None)


def test_the_file_wins_over_defaults_and_the_environment_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tidegate.toml").write_text("partitions = 4\nflush_seconds = 0.5\n")
    monkeypatch.setenv("TIDEGATE_PARTITIONS", "8")
    settings = load(tmp_path)
    assert (settings.partitions, settings.flush_seconds) == (8, 0.5)


def test_the_home_of_the_environment_decides_which_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tidegate.toml").write_text("partitions = 6\n")
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path))
    assert load().partitions == 6


def test_a_wrong_value_is_named_with_where_it_was_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_PARTITIONS", "none")
    with pytest.raises(SettingsError, match=r"TIDEGATE_PARTITIONS = 'none': input should be a valid integer"):
        load(tmp_path)


def test_an_unknown_name_in_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tidegate.toml").write_text("partition = 4\n")
    with pytest.raises(SettingsError, match=r"partition in tidegate.toml = 4: extra inputs are not permitted"):
        load(tmp_path)


def test_a_file_that_is_not_toml_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "tidegate.toml").write_text("partitions: 4\n")
    with pytest.raises(SettingsError, match=r"tidegate\.toml"):
        load(tmp_path)


def test_a_wrong_secret_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tidegate.toml").write_text("clickhouse_password = 1234567\n")
    with pytest.raises(SettingsError, match="clickhouse_password") as caught:
        load(tmp_path)
    assert "1234567" not in str(caught.value)


def test_a_misspelt_variable_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_GATEWAYPORT", "1")
    monkeypatch.setenv("TIDEGATE_GATEWAY_PORT", "1")
    assert unknown_variables() == ["TIDEGATE_GATEWAYPORT"]


def test_the_documented_table_is_current() -> None:
    documented = Path(__file__).parents[3] / "docs" / "settings.md"
    assert documented.read_text(encoding="utf-8") == settings_table.render()


def test_control_the_check_of_the_table_fails_on_a_changed_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stale = tmp_path / "settings.md"
    stale.write_text(settings_table.render().replace("8300", "8301"))
    assert settings_table.main(["--check", str(stale)]) == 1
    assert "isn't current" in capsys.readouterr().err
    assert settings_table.main([str(stale)]) == 0
    assert settings_table.main(["--check", str(stale)]) == 0
