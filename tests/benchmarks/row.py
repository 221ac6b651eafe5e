"""What `make bench` writes: one row a figure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One figure."""

    name: str
    value: float
    unit: str
    against: float | None
    ratio: float | None
    mark: str
    met: bool | None
    reason: str = ""
