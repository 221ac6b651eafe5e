"""What a detector found, counted by place and kind. No text leaves this module."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tidegate_infra.privacy.detect.detector import Detect
from tidegate_infra.privacy.detect.texts import Place

__all__ = ["Finding", "detected", "listed"]


@dataclass(frozen=True)
class Finding:
    """Of `texts` looked at in a place, `hits` held something of a kind, with these confidences (0 to 1)."""

    place: Place
    kind: str
    hits: int
    texts: int
    lowest: float
    highest: float


def detected(texts: Mapping[tuple[Place, str], int], detect: Detect, least: float) -> list[Finding]:
    """Findings of at least a confidence, the most frequent first. Each different text is looked at once."""
    looked: Counter[Place] = Counter()
    hits: Counter[tuple[Place, str]] = Counter()
    scores: defaultdict[tuple[Place, str], list[float]] = defaultdict(list)
    seen: dict[str, Mapping[str, float]] = {}
    for (place, text), times in texts.items():
        looked[place] += times
        if text not in seen:
            seen[text] = detect(text)
        for kind, confidence in seen[text].items():
            if confidence >= least:
                hits[place, kind] += times
                scores[place, kind].append(confidence)
    found = [
        Finding(place, kind, number, looked[place], min(scores[place, kind]), max(scores[place, kind]))
        for (place, kind), number in hits.items()
    ]
    return sorted(found, key=lambda each: (-each.hits, each.place, each.kind))


def listed(findings: Sequence[Finding]) -> Iterator[str]:
    """A table, a line a finding."""
    rows = [("table", "column", "property", "kind", "texts", "confidence")]
    for each in findings:
        share = f"{each.hits} of {each.texts}"
        confidence = f"{each.lowest:.2f}" if each.lowest == each.highest else f"{each.lowest:.2f}-{each.highest:.2f}"
        rows.append((each.place.table, each.place.column, each.place.name, each.kind, share, confidence))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
