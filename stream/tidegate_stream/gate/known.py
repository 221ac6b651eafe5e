"""The ids that each row carries, and the scrubbing of texts that must not hold them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from tidegate_stream.gate.disguise import SUSPECT_ESCAPES
from tidegate_stream.gate.json_columns import RETOLD, ParsedTexts, scrubbed, written
from tidegate_stream.gate.plan import JSON, Plan
from tidegate_stream.gate.scrub import personal_traits, scrub_json_text
from tidegate_stream.gate.texts import KNOWN_MIN_LENGTH, known_pattern, scrub_text
from tidegate_stream.gate.triggers import changed_texts

ROW, WHOLE, ANY = "_row", "_whole", "_any"
#: No text that comes past the codec's bounds is told apart by it, so it may stand between two.
BETWEEN = "\x00"
DISGUISE = rf"[\u0080-\U0010ffff]|{SUSPECT_ESCAPES}"
"""Finds a text that may hold an id otherwise than as it is."""


class Known:
    """A frame's rows with their own ids.

    Texts of all columns are looked at together first, as few rows have anything to be taken out.
    """

    def __init__(self, plan: Plan, frame: pl.DataFrame) -> None:
        self._frame = frame
        self._names = [name for name in plan.known if frame[name].null_count() < frame.height]
        ids = [pl.col(name) for name in self._names]
        self._traits = frame["traits"] if "traits" in frame.columns else None
        told = pl.lit(value=False) if self._traits is None else pl.col("traits") != "{}"
        foreign = [(one.str.len_bytes() != one.str.len_chars()).fill_null(value=False) for one in ids]
        long = [pl.when(one.str.len_chars() >= KNOWN_MIN_LENGTH).then(one.str.to_lowercase()) for one in ids]
        #: Ids in lower case. `_whole`: rows of which the columns can't tell what to look for, as there are traits, or
        #: letters whose case isn't simple. `_any`: rows with an id at all.
        self._lower = frame.with_row_index(ROW).select(
            ROW,
            *long,
            pl.any_horizontal(told, *foreign).alias(WHOLE),
            pl.any_horizontal(pl.lit(value=False), *(one.is_not_null() for one in ids)).alias(ANY),
        )
        self._patterns: dict[int, re.Pattern[str] | None] = {}

    def pattern(self, row: int) -> re.Pattern[str] | None:
        """What finds a row's own ids."""
        if row not in self._patterns:
            told: Sequence[str] = ()
            if self._traits is not None and self._traits[row] != "{}":
                told = personal_traits(self._traits[row])
            self._patterns[row] = known_pattern([*(self._frame[name][row] for name in self._names), *told])
        return self._patterns[row]

    def rows_with_own(self, texts: pl.Series, rows: pl.Series | None = None) -> pl.Series:
        """Rows (UInt32) whose text may hold the row's own ids; of these rows only, if any are given."""
        frame = self._lower.with_columns(texts.alias("text"))
        if rows is not None:
            frame = frame[rows]
        text = pl.col("text")
        lower = text.str.to_lowercase()
        own = [lower.str.contains(pl.col(name), literal=True).fill_null(value=False) for name in self._names]
        # An id may be written in percent-encoding or escapes, and lower case isn't the whole of case beyond ASCII, on
        # neither side: `ſ` is an s to whoever ignores case.
        folded = pl.col(ANY) & text.str.contains(DISGUISE).fill_null(value=False)
        return frame.filter(text.is_not_null() & pl.any_horizontal(*own, folded, WHOLE))[ROW]

    def scrub_texts(self, texts: pl.DataFrame) -> list[pl.Series]:
        """Each column with what is personal taken out."""
        if not texts.columns:  # a plan may leave all of them alone
            return []
        joined = texts.select(pl.concat_str(pl.all(), separator=BETWEEN, ignore_nulls=True).alias("text"))["text"]
        own = self.rows_with_own(joined)
        changed = changed_texts(pl.concat([column.unique() for column in texts]).unique().drop_nulls())
        clean = texts.select(pl.all().replace(list(changed), list(changed.values()))) if changed else texts
        if not own.len():
            return clean.get_columns()
        return [self._without_own(texts[name], clean[name], own) for name in texts.columns]

    def _without_own(self, texts: pl.Series, clean: pl.Series, own: pl.Series) -> pl.Series:
        mine = self.rows_with_own(texts, own)
        return _scattered(clean, mine, [scrub_text(texts[row], self.pattern(row)) for row in mine])

    def scrub_json(self, name: str, parsed: ParsedTexts) -> pl.Series:
        """JSON texts scrubbed and canonical."""
        texts, container = self._frame[name], JSON[name]
        own = self._rows_with_own_json(texts, container, parsed)
        cleaned = [scrub_json_text(texts[row], container, self.pattern(row)) for row in own]
        return _scattered(scrubbed(texts, container, parsed), own, cleaned)

    def _rows_with_own_json(self, texts: pl.Series, container: type, parsed: ParsedTexts) -> pl.Series:
        """Rows whose JSON may hold the row's own ids: as it stands there, or in a number as Python writes it."""
        # An empty object or list holds no id, and most JSON is one.
        filled = (texts.str.len_bytes() > len("{}")).arg_true()
        own, retold = self.rows_with_own(texts, filled), texts.str.contains(RETOLD).arg_true()
        if not retold.len():
            return own
        values = [parsed.value(text, container) for text in texts.gather(retold)]
        again = _scattered(texts.clone(), retold, list(written(values)))
        return pl.concat([own, self.rows_with_own(again, retold)]).unique()


def _scattered(texts: pl.Series, rows: pl.Series, cleaned: Sequence[str]) -> pl.Series:
    return texts.scatter(rows, pl.Series(cleaned, dtype=pl.String)) if cleaned else texts
