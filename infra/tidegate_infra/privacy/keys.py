"""The gate's keys as the settings say where they are."""

import shlex

from tidegate_infra.errors import SettingsError
from tidegate_infra.settings import Settings
from tidegate_stream.gate.epochs import Schedule
from tidegate_stream.gate.key_sources import Command, KeySource, Text
from tidegate_stream.gate.keys import DirectoryKeys

__all__ = ["key_source", "open_keys", "schedule"]


def key_source(settings: Settings) -> KeySource | None:
    """Where pseudonym keys come from; None: files of the home. Raises SettingsError."""
    if settings.pseudonym_keys and settings.pseudonym_keys_command:
        raise SettingsError("set TIDEGATE_PSEUDONYM_KEYS or TIDEGATE_PSEUDONYM_KEYS_COMMAND, not both")
    if settings.pseudonym_keys:
        return Text(settings.pseudonym_keys)
    if not settings.pseudonym_keys_command:
        return None
    try:
        arguments = shlex.split(settings.pseudonym_keys_command)
    except ValueError as error:
        raise SettingsError(f"TIDEGATE_PSEUDONYM_KEYS_COMMAND is no command line: {str(error).lower()}") from None
    return Command(arguments, settings.pseudonym_keys_command_seconds)


def schedule(settings: Settings) -> Schedule:
    """When keys change."""
    return Schedule(settings.pseudonym_epoch_days, settings.pseudonym_overlap_days)


def open_keys(settings: Settings) -> DirectoryKeys:
    """The keys as the gate has them. Raises KeyFileError, SettingsError."""
    return DirectoryKeys(settings.keys_dir, source=key_source(settings))
