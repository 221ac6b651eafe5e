"""What can go wrong on the way out of the stream."""

from __future__ import annotations

from tidegate_schemas.errors import TidegateError


class SinkError(TidegateError):
    """Base of the sinks' errors."""


class UnknownTableError(SinkError):
    """Rows are meant for a table that isn't there."""

    def __init__(self, table: str) -> None:
        super().__init__(f"there is no table tidegate.{table}. Apply the migrations (`tidegate migrate`)")


class UnknownColumnError(SinkError):
    """Rows have a column that the table hasn't."""

    def __init__(self, table: str, unknown: list[str], known: list[str]) -> None:
        super().__init__(
            f"table {table} has no column {', '.join(unknown)}; it has {', '.join(known)}. "
            f"Apply the migrations (`tidegate migrate`), or write to another table"
        )


class WriteFailedError(SinkError):
    """ClickHouse did not take rows within the deadline, or refused them."""

    def __init__(self, table: str, rows: int, attempts: int, cause: str) -> None:
        super().__init__(f"{rows} rows for table {table} were not written after {attempts} attempts: {cause}")


class MigrationError(SinkError):
    """A migration could not be applied, or is not the one that was applied before."""
