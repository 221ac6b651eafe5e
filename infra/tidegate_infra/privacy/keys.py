"""The gate's keys as the settings say where they are."""

import shlex

from tidegate_infra.errors import SettingsError
from tidegate_infra.settings import Settings
from tidegate_stream.gate.epochs import Schedule
from tidegate_stream.gate.key_sources import Command, Text
from tidegate_stream.gate.keys import DirectoryKeys
from tidegate_stream.gate.sealing_keys import SealingKeys, ToldKeys, folder_keys

__all__ = ["key_source", "open_keys", "schedule", "sealing_keys", "sealing_source"]


def key_source(settings: Settings) -> Text | Command | None:
    """Where pseudonym keys come from; None: files of the home. Raises SettingsError."""
    return _source(
        "TIDEGATE_PSEUDONYM_KEYS",
        settings.pseudonym_keys,
        settings.pseudonym_keys_command,
        settings.pseudonym_keys_command_seconds,
    )


def sealing_source(settings: Settings) -> Text | Command | None:
    """Where sealing keys come from; None: files of the home. Raises SettingsError."""
    return _source(
        "TIDEGATE_SEALING_KEYS",
        settings.sealing_keys,
        settings.sealing_keys_command,
        settings.sealing_keys_command_seconds,
    )


def sealing_keys(settings: Settings) -> SealingKeys:
    """What opens sealed events, for all openers of a process. Raises SettingsError."""
    source = sealing_source(settings)
    return folder_keys(settings.keys_dir) if source is None else ToldKeys(source)


def _source(variable: str, text: str | None, command: str | None, seconds: float) -> Text | Command | None:
    if text and command:
        raise SettingsError(f"set {variable} or {variable}_COMMAND, not both")
    if text:
        return Text(text, variable)
    if not command:
        return None
    try:
        arguments = shlex.split(command)
    except ValueError as error:
        raise SettingsError(f"{variable}_COMMAND is no command line: {str(error).lower()}") from None
    if not arguments or "\0" in command:
        raise SettingsError(f"{variable}_COMMAND is no command line: it names no program")
    return Command(arguments, seconds)


def schedule(settings: Settings) -> Schedule:
    """When keys change."""
    return Schedule(settings.pseudonym_epoch_days, settings.pseudonym_overlap_days)


def open_keys(settings: Settings) -> DirectoryKeys:
    """The keys as the gate has them. Raises KeyFileError, SettingsError."""
    return DirectoryKeys(settings.keys_dir, source=key_source(settings))
