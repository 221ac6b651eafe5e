"""Every setting of Tidegate: environment variables TIDEGATE_…, then TIDEGATE_HOME/tidegate.toml, then the defaults.

The table in docs/settings.md is written from this model.
"""

import hashlib
import os
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from tidegate_infra.errors import SettingsError
from tidegate_infra.gateway_settings import GatewaySettings
from tidegate_infra.operators import operators_of
from tidegate_infra.places import default_home

__all__ = ["ENV_PREFIX", "FILE_NAME", "Settings", "default_home", "load", "unknown_variables"]

ENV_PREFIX = "TIDEGATE_"
FILE_NAME = "tidegate.toml"
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the folder that we make there is ours alone
PRIVACY_FILE_NAME = "privacy.toml"


class Settings(GatewaySettings):
    """Settings of one stack; frozen once loaded."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="forbid", env_ignore_empty=True)

    partitions: int = Field(
        default=1,
        ge=1,
        le=1024,
        description="Partitions of every topic: one where one worker is enough, else two for each worker that there "
        "will be (docs/performance.md). Another count is a new generation.",
    )
    replication_factor: int = Field(
        default=1,
        ge=1,
        le=32767,
        description="Copies of every partition, changelogs included; the embedded broker keeps one. Topics that exist "
        "keep what they have.",
    )
    generation: int = Field(
        default=1, ge=1, le=65535, description="Generation of the topics; raised when the partition count changes."
    )
    raw_retention_hours: int = Field(
        default=12,
        ge=1,
        le=48,
        description="How long raw topics, which hold personal data, keep records, and up to an hour more by whole "
        "segments. What no worker has read by then is lost.",
    )
    clean_retention_days: int = Field(
        default=7, ge=1, le=30, description="How long clean topics, outcomes and dead letters keep records."
    )
    retention_days: str = Field(
        default="",
        description="Tables that are to keep rows for less than their policy allows, apart by spaces: "
        "`events_track=180 events_span=14` ([privacy.md](privacy.md#how-long)).",
    )
    broker_heap_mb: int = Field(default=256, ge=96, description="Largest Java heap of the embedded broker.")

    flush_seconds: float = Field(
        default=1.0,
        gt=0,
        description="Pause between two flushes of an agent to ClickHouse; 5 or more while a backlog is as late.",
    )
    lateness_seconds: int = Field(default=3600, ge=0, description="How long after its end a window takes late events.")
    session_gap_seconds: int = Field(default=1800, gt=0, description="Quiet time that ends a session.")
    reconcile_interval_seconds: float = Field(
        default=300.0, ge=0, description="Pause between two comparisons of the aggregates with the archive; 0: none."
    )

    sealing_keys: str | None = Field(
        default=None,
        repr=False,
        description="What opens sealed events in place of the files keys/sealing*.key: `sealing=<64 hexadecimal "
        "digits>` and earlier keys as `sealing-1=…`, apart by spaces ([sealing.md](sealing.md#keys)).",
    )
    sealing_keys_command: str | None = Field(
        default=None,
        repr=False,
        description="Command line, run without a shell, that prints such entries: a key management service.",
    )
    sealing_keys_command_seconds: float = Field(default=10.0, gt=0, description="How long that command may take.")

    pseudonym_keys: str | None = Field(
        default=None,
        repr=False,
        description="Keys of pseudonyms in place of the files keys/pseudonym-*.key: entries such as "
        "`default=<64 hexadecimal digits>`, later epochs as `default@20261127T1800Z=…`, apart by spaces "
        "([keys.md](keys.md)).",
    )
    pseudonym_keys_command: str | None = Field(
        default=None,
        repr=False,
        description="Command line, run without a shell, that prints such entries: a key management service.",
    )
    pseudonym_keys_command_seconds: float = Field(default=10.0, gt=0, description="How long that command may take.")
    pseudonym_epoch_days: int = Field(
        default=365,
        ge=0,
        description="How long a pseudonym key holds before the worker makes the next; 0: until "
        "`tidegate privacy rotate`.",
    )
    pseudonym_overlap_days: int = Field(
        default=30,
        ge=2,
        description="How long an old pseudonym key is held after the next began: for late events, links "
        "and erasure. Then it is destroyed.",
    )
    erase_withdrawn_interval_seconds: float = Field(
        default=900.0,
        ge=0,
        description="Pause between two looks of `tidegate up` for erasures that withdrawals of consent asked for, "
        "which it then carries out; 0: only `tidegate privacy erase-withdrawn` does.",
    )
    salts_dir: Path | None = Field(
        default=None,
        description="Folder of the salts of visitors without consent, shared by all workers; unset: a folder in memory "
        "(/dev/shm), where there is one, else keys/salts.",
    )

    privacy_rules: Path | None = Field(
        default=None,
        description="File of the projects' own privacy rules (docs/privacy-rules.md), read when a worker starts; "
        "unset: privacy.toml in the home, if there is one.",
    )
    export_minimum_subjects: int = Field(
        default=5,
        ge=0,
        description="Downloads from the dashboard leave out rows about fewer people than this, and say how many; "
        "0: no row.",
    )

    operators: str | None = Field(
        default=None,
        repr=False,
        description="Who may ask for erasures and exports at the dashboard's page /privacy: "
        "`ada:<token>,grace:<token>`, tokens of 16 characters or more. With two or more, another one has to "
        "confirm what one asks for; one alone decides alone. Unset: the command line only.",
    )
    alert_webhook_url: str | None = Field(
        default=None, repr=False, description="Where alerts are posted; unset: they are only logged."
    )
    alert_interval_seconds: float = Field(
        default=10.0, gt=0, description="Pause between two evaluations of the alert rules."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level that is logged."
    )
    report_exceptions: bool = Field(
        default=True, description="Whether our own processes report exceptions to the internal project."
    )

    @field_validator("operators")
    @classmethod
    def _are_told_apart(cls, text: str | None) -> str | None:
        if text is not None:
            operators_of(text)
        return text

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments before environment before the file in the home that the first two name."""
        home = Path(init_settings().get("home") or default_home())
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, home / FILE_NAME)

    @property
    def keys_dir(self) -> Path:
        """Folder of secrets, readable by the owner only."""
        return self.home / "keys"

    @property
    def salts_folder(self) -> Path:
        """Folder of the salts of days: in memory if possible, as nothing that was on a disk is surely gone."""
        if self.salts_dir is not None:
            return self.salts_dir
        if not (SHARED_MEMORY.is_dir() and os.access(SHARED_MEMORY, os.W_OK)):
            return self.keys_dir / "salts"
        home = hashlib.sha256(str(self.home).encode()).hexdigest()[:12]
        return SHARED_MEMORY / f"tidegate-{os.getuid()}-{home}"

    @property
    def privacy_rules_file(self) -> Path | None:
        """The file of privacy rules that a worker reads; None if none was set and the home has none."""
        if self.privacy_rules is not None:
            return self.privacy_rules
        own = self.home / PRIVACY_FILE_NAME
        return own if own.exists() else None

    @property
    def run_dir(self) -> Path:
        """Folder of facts about the running stack."""
        return self.home / "run"

    @property
    def logs_dir(self) -> Path:
        """Folder of the services' logs."""
        return self.home / "logs"

    @property
    def data_dir(self) -> Path:
        """Folder of the services' data."""
        return self.home / "data"


def load(home: Path | None = None) -> Settings:
    """Read the settings of a home (of TIDEGATE_HOME if None); SettingsError names each value that isn't allowed."""
    chosen = (home or default_home()).absolute()
    try:
        return Settings(home=chosen)
    except ValidationError as error:
        lines = [_explain(str(item["loc"][0]), item["msg"], item["input"]) for item in error.errors()]
    except ValueError as error:  # what can't be parsed at all: pydantic's SettingsError, a file that isn't TOML
        lines = [str(error)]
    looked = f"looked in the environment ({ENV_PREFIX}…) and {chosen / FILE_NAME}"
    raise SettingsError("settings that can't be used: " + "; ".join(lines) + f" ({looked}; docs/settings.md lists all)")


def unknown_variables() -> list[str]:
    """Environment variables with our prefix that name no setting: usually misspelt."""
    known = {ENV_PREFIX + name.upper() for name in Settings.model_fields}
    return sorted(name for name in os.environ if name.startswith(ENV_PREFIX) and name not in known)


def _explain(name: str, message: str, value: object) -> str:
    field = Settings.model_fields.get(name)
    shown = "(hidden)" if field is not None and not field.repr else repr(value)
    where = f"{ENV_PREFIX}{name.upper()}" if f"{ENV_PREFIX}{name.upper()}" in os.environ else f"{name} in {FILE_NAME}"
    return f"{where} = {shown}: {message[0].lower()}{message[1:]}"
