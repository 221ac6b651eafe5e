"""Check digits of national ids, held against a library that knows all of them."""

from __future__ import annotations

import string
from collections.abc import Callable
from random import Random

import pytest
from stdnum import luhn, verhoeff
from stdnum.be import nn
from stdnum.br import cpf
from stdnum.ch import ssn
from stdnum.cn import ric
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.it import codicefiscale
from stdnum.kr import rrn

from tidegate_stream.gate.national_ids import CHECKS
from tidegate_stream.gate.texts import scrub_text

#: By country: a number with `#` for a digit and `?` for a letter or digit of check, and whether its check holds.
ORACLES: tuple[tuple[str, str, Callable[[str], bool]], ...] = (
    ("es", "########?", dni.is_valid),
    ("es", "X#######?", nie.is_valid),
    ("it", "RSSMRA##A11H###?", lambda number: codicefiscale.calc_check_digit(number[:-1]) == number[-1]),
    ("fr", "1##05###########", lambda number: nir.calc_check_digits(number[:-2]) == number[-2:]),
    ("br", "###########", cpf.is_valid),
    ("cn", "11010119900307###?", lambda number: ric.calc_check_digit(number) == number[-1]),
    ("fi", "131052-###?", lambda number: hetu._calc_checksum(number[:6] + number[7:10]) == number[-1]),
    ("kr", "9003071######", lambda number: rrn.calc_check_digit(number) == number[-1]),
    ("in", "2###########", verhoeff.is_valid),
    ("ca", "1########", luhn.is_valid),
    ("ch", "756##########", ssn.is_valid),
)


@pytest.mark.parametrize(("country", "shape", "valid"), ORACLES)
def test_a_check_holds_for_the_same_numbers_as_the_librarys(
    country: str, shape: str, valid: Callable[[str], bool]
) -> None:
    rng = Random(5)
    filled = {"#": string.digits, "?": string.digits + string.ascii_uppercase}
    drawn = ["".join(rng.choice(filled.get(char, char)) for char in shape) for _ in range(4_000)]
    if shape.startswith("1##05"):
        drawn = [number[:15] for number in drawn]
    if country == "it":
        drawn = [number for number in drawn if number[-1].isalpha()]
    if country == "es":
        drawn = [number for number in drawn if number[-1].isalpha()]
    assert [number for number in drawn if CHECKS[country][1](number) != valid(number)] == []
    assert any(map(valid, drawn))


def test_every_number_that_belgium_gives_is_one() -> None:
    assert all(CHECKS["be"][1](f"850730{number:05d}") for number in range(99_999) if nn.is_valid(f"850730{number:05d}"))


@pytest.mark.parametrize("number", ["12345678A", "529.982.247-26", "2345 6789 0125", "756.9217.0769.86"])
def test_a_number_whose_check_fails_stays(number: str) -> None:
    assert scrub_text(f"no {number} here") == f"no {number} here"
