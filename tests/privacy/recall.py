"""`python -m tests.privacy.recall`: what is found in free text that others wrote, the hard kinds too.

The sentences and people are those that ship in PyPI's `presidio-evaluator` (MIT; templates of letters to banks and
shops, 3,000 made-up people of many countries). It isn't among our dependencies: `uv run --with presidio-evaluator`.
With our extra `presidio` (`uv run --extra presidio`) Presidio is measured on the same.
"""

from __future__ import annotations

import csv
import importlib.util
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

from tests.privacy import values

from tidegate_infra.privacy.detect.detector import MODEL
from tidegate_stream.gate.texts import scrub_text

SENTENCES = 3_000
_SLOT = re.compile(r"{{(\w+)}}")
Scrub = Callable[[str], str]

#: What fills a slot: a column of the people's table, or one of our own values.
COLUMNS: Mapping[str, str] = {
    **dict.fromkeys(("first_name", "first_name_male", "first_name_female", "first_name_nonbinary"), "GivenName"),
    **dict.fromkeys(("last_name", "last_name_male", "last_name_female"), "Surname"),
    **{"street_name": "StreetAddress", "city": "City", "phone_number": "TelephoneNumber", "email": "EmailAddress"},
}
OWN: Mapping[str, Callable[[Random], values.Value]] = {
    **{"credit_card_number": values.card, "iban": values.iban, "ip_address": values.ipv4, "ssn": values.us_ssn},
}
FULL_NAMES = frozenset({"person", "name", "name_male", "name_female"})
#: Slots that name nobody by themselves.
PLAIN = {
    "country": "Norway",
    "organization": "Fjord Ltd",
    "age": "42",
    "year": "1999",
    "nationality": "Norwegian",
    "url": "x.example",
}


def corpus(rng: Random, folder: Path) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Sentences, each with its entities: kind and text."""
    templates = (folder / "templates.txt").read_text("utf-8").splitlines()
    with (folder / "FakeNameGenerator.com_3000.csv").open(encoding="utf-8-sig", newline="") as file:
        people = list(csv.DictReader(file))
    for _ in range(SENTENCES):
        person, found = rng.choice(people), list[tuple[str, str]]()

        def fill(slot: re.Match[str], person: dict[str, str] = person, found: list[tuple[str, str]] = found) -> str:
            kind, text = filled(slot[1], person, rng)
            if kind:
                found.append((kind, text))
            return text

        yield _SLOT.sub(fill, rng.choice(templates)), found


def filled(slot: str, person: Mapping[str, str], rng: Random) -> tuple[str, str]:
    """Kind (empty for what tells of nobody) and text of a slot."""
    if slot in OWN:
        return slot, OWN[slot](rng).text
    if slot in FULL_NAMES:
        return "full name", f"{person['GivenName']} {person['Surname']}"
    if slot == "address":
        return "address", f"{person['StreetAddress']}, {person['City']}"
    if slot in COLUMNS:
        return re.sub(r"_(?:fe|non)?(?:male|binary)$", "", slot), person[COLUMNS[slot]]
    return "", PLAIN.get(slot, "seven")


def measured(name: str, scrub: Scrub, folder: Path) -> Iterator[str]:
    """A line for each kind: how many, and how many of them are gone."""
    counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    began = time.perf_counter()
    for sentence, entities in corpus(Random(7), folder):
        clean = scrub(sentence)
        for kind, text in entities:
            counts[kind][0] += 1
            counts[kind][1] += text not in clean
    yield f"{name}: {SENTENCES / (time.perf_counter() - began):,.0f} sentences/s"
    yield from (
        f"  {kind:20} {number:>5}, recall {gone / number:.3f}" for kind, (number, gone) in sorted(counts.items())
    )


def presidio() -> Scrub | None:
    """Presidio's analyser on a small English model, None where they aren't installed."""
    if importlib.util.find_spec("presidio_analyzer") is None or importlib.util.find_spec(MODEL) is None:
        return None
    analyzer: Any = importlib.import_module("presidio_analyzer")
    engines: Any = importlib.import_module("presidio_analyzer.nlp_engine")
    models = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": MODEL}]}
    engine = analyzer.AnalyzerEngine(nlp_engine=engines.NlpEngineProvider(nlp_configuration=models).create_engine())

    def scrub(text: str) -> str:
        for found in sorted(engine.analyze(text=text, language="en"), key=lambda each: -each.start):
            text = f"{text[: found.start]}[{found.entity_type}]{text[found.end :]}"
        return text

    return scrub


def main() -> int:
    """Print the recall by kind."""
    package = importlib.util.find_spec("presidio_evaluator")
    if package is None or not package.submodule_search_locations:
        print(__doc__)  # noqa: T201 - it says how to get the corpus
        return 1
    folder = Path(package.submodule_search_locations[0]) / "data_generator" / "raw_data"
    scrubs: dict[str, Scrub] = {"the gate": scrub_text}
    if (stronger := presidio()) is not None:
        scrubs["Presidio, en_core_web_sm"] = stronger
        scrubs["the gate, then Presidio"] = lambda text: stronger(scrub_text(text))
    for name, scrub in scrubs.items():
        for line in measured(name, scrub, folder):
            print(line)  # noqa: T201 - what the command is for
    return 0


if __name__ == "__main__":
    sys.exit(main())
