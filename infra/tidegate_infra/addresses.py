"""Addresses that the runtime hands out."""

from dataclasses import dataclass, field

__all__ = ["ClickHouseAddress"]


@dataclass(frozen=True)
class ClickHouseAddress:
    """ClickHouse's HTTP interface: readers need no password, the user `writer` has one."""

    url: str
    writer_password: str = field(repr=False)
