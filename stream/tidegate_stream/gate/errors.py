"""What can go wrong in the gate itself; a bad record is no error but a dead letter."""

from tidegate_schemas.errors import TidegateError

__all__ = ["CompactedTableError", "FencedError", "GateError", "KeyFileError", "RulesError", "TransactionError"]


class GateError(TidegateError):
    """The gate can't do its work; nothing was let through."""


class KeyFileError(GateError):
    """A key file is missing or doesn't hold 32 bytes."""


class RulesError(GateError):
    """The file of privacy rules says what can't be used; the message names line, fault and what is allowed."""


class TransactionError(GateError):
    """A chunk's transaction failed and was aborted: nothing of it is visible, and it may be tried again."""


class FencedError(GateError):
    """Another gate has taken the partition over: this one must end. Nothing of the chunk is visible."""


class CompactedTableError(GateError):
    """A topic that every gate must know wholly can't be read: without it nothing may pass."""

    def __init__(self, topic: str, cause: str) -> None:
        super().__init__(
            f"topic {topic} could not be read: {cause}. No event may pass without it; see that the broker answers and "
            f"that the topic is there (`tidegate up` makes it)"
        )
