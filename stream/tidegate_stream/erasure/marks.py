"""Marks: what stands for a pseudonym where it must not be written, as in a record of its own erasure.

A mark is a hash of the pseudonym: who sees an event can tell whether it is meant, and a search for the pseudonym in
what is stored finds nothing. Who has the gate's key can still compute it from the id: that is what it is for.
"""

from __future__ import annotations

import hashlib

import polars as pl

SUBJECTS = ("visitor", "user", "session", "previous")
"""Columns of clean events that hold pseudonyms of a person."""
MARK_DIGITS = 32
_DOMAIN = b"tidegate erasure\x00"


def mark(project: str, pseudonym: str) -> str:
    """The mark of a pseudonym, 32 hexadecimal digits. `tidegateErasureMark` in SQL says the same."""
    return hashlib.sha256(_DOMAIN + project.encode() + b"\x00" + pseudonym.encode()).hexdigest()[:MARK_DIGITS]


def marks_of(frame: pl.DataFrame, column: str) -> pl.Series:
    """The marks of a column's pseudonyms; null where there is none. `frame` has `project` too."""
    pair = pl.concat_str("project", pl.lit("\x00"), column)
    pairs = frame.select(pl.when(pl.col(column) != "").then(pair).alias("pair"))["pair"]
    distinct = pairs.unique().drop_nulls()
    known = pl.Series([mark(*text.split("\x00", 1)) for text in distinct], dtype=pl.String)
    return pairs.replace_strict(distinct, known, default=None, return_dtype=pl.String)
