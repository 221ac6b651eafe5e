"""Erasures: how a person's events are told without naming the person, and what the log is read as after them.

An erasure stands in the log: in every partition of the clean topics there is a record of it. The person's events before
that record are read as *stubs*, as if they had never been anybody's; those after it are somebody new's. So state, rows
and archive are, as ever, a function of the log. `tidegate_stream.gate.erasures` reads them from Kafka.
"""

from tidegate_stream.erasure.erasure import Erasure, Notice, erasure_of, text_of
from tidegate_stream.erasure.marks import SUBJECTS, mark
from tidegate_stream.erasure.stubs import ERASED, kept_columns, stubbed
from tidegate_stream.erasure.tombstones import Tombstones, of_subject

__all__ = [
    "ERASED",
    "SUBJECTS",
    "Erasure",
    "Notice",
    "Tombstones",
    "erasure_of",
    "kept_columns",
    "mark",
    "of_subject",
    "stubbed",
    "text_of",
]
