"""Colours of charts, one set for each theme. static/tidegate.css holds the same ones for everything else.

Series colours keep apart for people with colour blindness and have a contrast of at least 3:1 on their surface.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DARK", "LIGHT", "Palette", "palette"]


@dataclass(frozen=True)
class Palette:
    """What a chart is drawn with."""

    name: str
    text: str
    muted: str
    line: str
    surface: str
    border: str
    series: tuple[str, ...]
    good: str
    warn: str
    bad: str


DARK = Palette(
    name="dark",
    text="#e6edf5",
    muted="#94a6ba",
    line="#1f2e40",
    surface="#16212f",
    border="#2b3d52",
    series=("#2fd0bd", "#6aa8ff", "#f2b84b", "#c792ff", "#ff8f70", "#8fd16a", "#f285c1", "#9fb3c8"),
    good="#34d0a5",
    warn="#f2b84b",
    bad="#ff6b7a",
)
LIGHT = Palette(
    name="light",
    text="#132337",
    muted="#5a6c80",
    line="#e7ecf1",
    surface="#ffffff",
    border="#d5dde6",
    series=("#0b8a7d", "#2567d8", "#b7760b", "#8448d0", "#d4532c", "#4b8b1f", "#c03a87", "#607489"),
    good="#0b8a63",
    warn="#b7760b",
    bad="#d02c43",
)


def palette(name: str | None) -> Palette:
    """The palette with this name; the dark one for any other."""
    return LIGHT if name == LIGHT.name else DARK
