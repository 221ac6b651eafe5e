"""The strip of a chaos demo: shown while its file is fresh, and it hides no loss."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tidegate_dashboards.web.chaos import FRESH_SECONDS, Chaos, read, render

NOW = 1_800_000_000.0
FACT: dict[str, Any] = {
    "at": NOW,
    "seed": 7,
    "killed": {"broker": 2, "worker": 1},
    "down": ["worker"],
    "acknowledged": 1200,
    "checked": 900,
    "lost": 0,
    "doubled": 0,
}


def written(path: Path, **changes: Any) -> Path:
    path.write_text(json.dumps(FACT | changes), encoding="utf-8")
    return path


def test_a_fresh_fact_is_told_in_full(tmp_path: Path) -> None:
    found = read(written(tmp_path / "chaos.json"), NOW + 1)
    assert found == Chaos({"broker": 2, "worker": 1}, ("worker",), 1200, 900, 0, 0)
    text = render(found)
    assert "killed <b>3</b> times" in text
    assert 'class="good">lost <b>0</b>' in text
    assert 'class="good">doubled <b>0</b>' in text
    assert "900 of 1,200 acknowledged events checked. Down now: worker." in text


def test_what_is_lost_or_doubled_is_not_good() -> None:
    text = render(Chaos({"broker": 1}, (), 10, 8, 2, 3))
    assert "killed <b>1</b> time<" in text
    assert 'class="bad">lost <b>2</b>' in text
    assert 'class="bad">doubled <b>3</b>' in text


def test_what_an_earlier_demo_left_behind_is_not_shown(tmp_path: Path) -> None:
    assert read(written(tmp_path / "chaos.json"), NOW + FRESH_SECONDS + 1) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"at": "noon"}', '{"at": 1800000000, "killed": 3}'])
def test_anything_else_is_not_shown(tmp_path: Path, text: str) -> None:
    path = tmp_path / "chaos.json"
    assert read(path, NOW) is None
    path.write_text(text, encoding="utf-8")
    assert read(path, NOW) is None


def test_names_are_text_and_no_markup() -> None:
    text = render(Chaos({'"><script>': 1}, ("<b>",), 1, 1, 0, 0))
    assert "<script>" not in text
    assert "<b>.</p>" not in text
