"""The gate for a frame: expressions over columns, Python only for distinct values and for suspect texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

import polars as pl

from tidegate_schemas.reasons import Reason
from tidegate_stream.gate.keys import Keys, Pseudonymiser
from tidegate_stream.gate.patterns import SUSPECT, SUSPECT_JSON
from tidegate_stream.gate.plan import JSON, Plan
from tidegate_stream.gate.reference import NO_KEY
from tidegate_stream.gate.scrub import (
    KNOWN_MIN_LENGTH,
    MalformedJsonError,
    is_canonical,
    known_pattern,
    parse_json,
    personal_traits,
    scrub_json_text,
    scrub_text,
)
from tidegate_stream.gate.validity import HEX_IDS, hex_id, rules
from tidegate_stream.gate.values import coarse_user_agent, truncated_ip

DENIED = pl.col("consent") == "denied"
QUERY = r"(?s)(?:[?#]|%3[Ff]|%23).*$"


def refusals(plan: Plan, keys: Keys, frame: pl.DataFrame) -> pl.DataFrame:
    """`reason` and `detail` of each row, null where it may pass; the first broken rule tells."""
    keyed = [name for name in frame["project"].unique().drop_nulls() if keys.pseudonym_key(name) is not None]
    checks = [(DENIED, Reason.CONSENT_DENIED, "")]
    for rule in rules(plan.kind):
        broken = ~rule.expression.fill_null(value=False)
        checks.append((broken, Reason.INVALID_FIELD, f"{rule.field}: {rule.constraint}"))
    checks.append((~pl.col("project").is_in(keyed), Reason.INVALID_FIELD, NO_KEY))
    for name in plan.json:
        malformed = pl.lit(_malformed(frame[name], JSON[name]))
        checks.append((malformed, Reason.MALFORMED_JSON, f"{name}: a JSON {JSON[name].__name__}"))
    return frame.select(
        pl.coalesce(pl.when(check).then(pl.lit(reason.value)) for check, reason, _ in checks).alias("reason"),
        pl.coalesce(pl.when(check).then(pl.lit(detail)) for check, _, detail in checks).alias("detail"),
    )


def _malformed(texts: pl.Series, container: type) -> pl.Series:
    def bad(text: str) -> bool:
        try:
            parse_json(text, container)
        except MalformedJsonError:
            return True
        return False

    return pl.Series([text is None or bad(text) for text in texts], dtype=pl.Boolean)


def clean_frame(plan: Plan, names: Pseudonymiser, frame: pl.DataFrame) -> pl.DataFrame:
    """The clean events of rows that aren't refused, in their order, under clean names."""
    anonymous = pl.col("consent") == "anonymous"
    known = _Known(plan, frame)
    columns: dict[str, pl.Series | pl.Expr] = {}
    for name in plan.pseudonymised:
        columns[name] = _pseudonyms(names, frame, name, anonymous)
    for name in plan.truncated:
        network = mapped(frame[name], truncated_ip)
        columns[name] = pl.when(~anonymous).then(network)
    for name in plan.coarsened:
        columns[name] = mapped(frame[name], coarse_user_agent)
    for name in (*plan.texts, *plan.labels):
        columns[name] = known.scrub(frame[name], SUSPECT, scrub_text)
    for name in plan.urls:
        columns[name] = known.scrub(frame[name].str.replace(QUERY, ""), SUSPECT, scrub_text)
    for name in plan.json:
        columns[name] = known.scrub_json(name)
    for name in plan.hex_ids:
        columns[name] = pl.when(pl.col(name).str.contains(hex_id(HEX_IDS[name]))).then(pl.col(name))
    columns["event_id"] = pl.col("event_id").str.to_lowercase()
    clean = frame.with_columns(**columns)
    if "anonymous_id" in plan.pseudonymised:
        clean = clean.with_columns(pl.coalesce("anonymous_id", "user_id").alias("anonymous_id"))
    return clean.rename({raw: new for raw, new in plan.renamed.items() if raw in clean.columns})


def mapped(column: pl.Series, function: Callable[[str], str | None]) -> pl.Series:
    """A function of each distinct text; null stays null."""
    distinct = column.unique().drop_nulls()
    results = pl.Series([function(text) for text in distinct], dtype=pl.String)
    return column.replace_strict(distinct, results, default=None, return_dtype=pl.String)


def _pseudonyms(names: Pseudonymiser, frame: pl.DataFrame, name: str, anonymous: pl.Expr) -> pl.Series:
    """HMAC over distinct pairs of project and value, joined back."""
    value = pl.when(~anonymous & (pl.col(name) != "")).then(pl.col(name)).alias("value")
    pairs = frame.select("project", value)
    distinct = pairs.unique().drop_nulls()
    pseudonyms = [names.pseudonym(project, text) for project, text in distinct.iter_rows()]
    table = distinct.with_columns(pl.Series("pseudonym", pseudonyms, dtype=pl.String))
    joined = pairs.join(table, on=["project", "value"], how="left", maintain_order="left")
    return joined["pseudonym"].alias(name)


class _Known:
    """The ids that each row carries, and the scrubbing of texts that must not hold them."""

    def __init__(self, plan: Plan, frame: pl.DataFrame) -> None:
        self._frame = frame
        self._names = plan.known
        long_enough = [
            pl.when(pl.col(name).str.len_chars() >= KNOWN_MIN_LENGTH).then(pl.col(name).str.to_lowercase())
            for name in self._names
        ]
        self._lower = frame.select(expr.alias(name) for expr, name in zip(long_enough, self._names, strict=True))
        foreign = [pl.col(name).str.contains(r"[^\x00-\x7f]").fill_null(value=False) for name in self._names]
        self._foreign = frame.select(pl.any_horizontal(foreign or [pl.lit(value=False)]).alias("foreign"))["foreign"]
        traits = frame["traits"] if "traits" in frame.columns else pl.repeat("{}", frame.height, eager=True)
        self._traits = traits
        self._with_traits = traits != "{}"
        self._patterns: dict[int, re.Pattern[str] | None] = {}

    def pattern(self, row: int) -> re.Pattern[str] | None:
        """What finds a row's own ids."""
        if row not in self._patterns:
            told: Sequence[str] = personal_traits(self._traits[row]) if self._with_traits[row] else ()
            self._patterns[row] = known_pattern([*(self._frame[name][row] for name in self._names), *told])
        return self._patterns[row]

    def suspects(self, texts: pl.Series, pattern: str) -> tuple[list[int], list[int]]:
        """Rows whose text may hold the row's own ids, and the others that may hold something to be taken out."""
        text = pl.col("text")
        lower = text.str.to_lowercase()
        own = [lower.str.contains(pl.col(name), literal=True).fill_null(value=False) for name in self._names]
        # An id may be written in percent-encoding or escapes, and lower case isn't the whole of case beyond ASCII, on
        # neither side: `ſ` is an s to whoever ignores case.
        folded = text.str.contains(r"[%\\\u0080-\U0010ffff]") & pl.any_horizontal(
            [pl.col(name).is_not_null() for name in self._names] or [pl.lit(value=False)]
        )
        whole = self._with_traits | self._foreign
        found = self._lower.with_columns(texts.alias("text"), whole.alias("whole")).select(
            pl.any_horizontal(*own, folded, pl.col("whole")).fill_null(value=False).alias("own"),
            text.str.contains(pattern).fill_null(value=False).alias("suspect"),
        )
        return found["own"].arg_true().to_list(), (found["suspect"] & ~found["own"]).arg_true().to_list()

    def scrub(
        self, texts: pl.Series, pattern: str, function: Callable[[str, re.Pattern[str] | None], str]
    ) -> pl.Series:
        """Texts with the suspects among them scrubbed; those without own ids once for all rows that share them."""
        own, shared = self.suspects(texts, pattern)
        cleaned = [None if texts[row] is None else function(texts[row], self.pattern(row)) for row in own]
        return _replaced(
            texts, [*own, *shared], [*cleaned, *_each_once(texts, shared, lambda text: function(text, None))]
        )

    def scrub_json(self, name: str) -> pl.Series:
        """JSON texts scrubbed and canonical."""
        texts, container = self._frame[name], JSON[name]
        own, shared = self.suspects(texts, SUSPECT_JSON)
        suspects = {*own, *shared}
        shared += [
            row
            for row, text in enumerate(texts)
            if row not in suspects and not is_canonical(text, parse_json(text, container))
        ]
        cleaned = [scrub_json_text(texts[row], container, self.pattern(row)) for row in own]
        others = _each_once(texts, shared, lambda text: scrub_json_text(text, container))
        return _replaced(texts, [*own, *shared], [*cleaned, *others])


def _each_once(texts: pl.Series, rows: Sequence[int], function: Callable[[str], str]) -> Iterable[str | None]:
    """A function of the texts of some rows, none of them null, called once for each distinct text."""
    done: dict[str, str] = {}
    for text in texts.gather(list(rows)):
        if text not in done:
            done[text] = function(text)
        yield done[text]


def _replaced(texts: pl.Series, rows: Sequence[int], cleaned: Iterable[str | None]) -> pl.Series:
    if not rows:
        return texts
    return texts.scatter(pl.Series(rows, dtype=pl.UInt32), pl.Series(list(cleaned), dtype=pl.String))
