"""The gate for a frame: expressions over columns, Python only for distinct values and for suspect texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import polars as pl

from tidegate_schemas.reasons import Reason
from tidegate_schemas.topics import Kind
from tidegate_stream.gate.json_columns import ParsedTexts
from tidegate_stream.gate.keys import Keys, Pseudonymiser
from tidegate_stream.gate.known import Known
from tidegate_stream.gate.plan import JSON, Plan
from tidegate_stream.gate.reference import NO_KEY, TELLING_PRODUCER
from tidegate_stream.gate.scrub import telling_producer
from tidegate_stream.gate.validity import HEX_IDS, hex_id, rules
from tidegate_stream.gate.values import coarse_user_agent, truncated_ip

DENIED = pl.col("consent") == "denied"
QUERY = r"(?s)(?:[?#]|%3[Ff]|%23).*$"


def refusals(plan: Plan, keys: Keys, frame: pl.DataFrame, parsed: ParsedTexts) -> tuple[pl.Series, pl.DataFrame]:
    """Which rows may not pass, and `reason` and `detail` of those: the first broken rule. Fills `parsed`."""
    keyed = [name for name in frame["project"].unique().drop_nulls() if keys.pseudonym_key(name) is not None]
    telling = [name for name in frame["producer_id"].unique().drop_nulls() if telling_producer(name)]
    checks = [*_checks(plan.kind), (~pl.col("project").is_in(keyed), Reason.INVALID_FIELD, NO_KEY)]
    if telling:
        checks.append((pl.col("producer_id").is_in(telling), Reason.INVALID_FIELD, TELLING_PRODUCER))
    for name in plan.json:
        malformed = pl.col(name).is_null() | pl.col(name).is_in(parsed.malformed(frame[name], JSON[name]))
        checks.append((malformed, Reason.MALFORMED_JSON, f"{name}: a JSON {JSON[name].__name__}"))
    broken = pl.any_horizontal(check for check, _, _ in checks).fill_null(value=False)
    refused = frame.select(broken.alias("refused"))["refused"]
    if not refused.any():
        return refused, pl.DataFrame(schema={"reason": pl.String, "detail": pl.String})
    told = frame.filter(refused).select(
        pl.coalesce(pl.when(check).then(pl.lit(reason.value)) for check, reason, _ in checks).alias("reason"),
        pl.coalesce(pl.when(check).then(pl.lit(detail)) for check, _, detail in checks).alias("detail"),
    )
    return refused, told


@cache
def _checks(kind: Kind) -> Sequence[tuple[pl.Expr, Reason, str]]:
    """What is known of a kind before its records come: marks of what is refused, with reason and detail."""
    bounds = [
        (~rule.expression.fill_null(value=False), Reason.INVALID_FIELD, f"{rule.field}: {rule.constraint}")
        for rule in rules(kind)
    ]
    return [(DENIED, Reason.CONSENT_DENIED, ""), *bounds]


def clean_frame(plan: Plan, names: Pseudonymiser, frame: pl.DataFrame, parsed: ParsedTexts) -> pl.DataFrame:
    """The clean events of rows that aren't refused, in their order, under clean names; `parsed` is of these rows."""
    anonymous = pl.col("consent") == "anonymous"
    known = Known(plan, frame)
    columns: dict[str, pl.Series | pl.Expr] = {}
    for column in _pseudonyms(names, frame, plan.pseudonymised, anonymous):
        columns[column.name] = column
    for name in plan.truncated:
        network = mapped(frame[name], truncated_ip)
        columns[name] = pl.when(~anonymous).then(network)
    for name in plan.coarsened:
        columns[name] = mapped(frame[name], coarse_user_agent)
    bare = [pl.col(name).str.replace(QUERY, "") for name in plan.urls]
    for column in known.scrub_texts(frame.select(*plan.texts, *plan.labels, *bare)):
        columns[column.name] = column
    for name in plan.json:
        columns[name] = known.scrub_json(name, parsed)
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


def _pseudonyms(
    names: Pseudonymiser, frame: pl.DataFrame, fields: Sequence[str], anonymous: pl.Expr
) -> list[pl.Series]:
    """HMAC over distinct pairs of project and value, put where the pairs stood."""
    # A project's name has no NUL in it, so a pair can be told by one text.
    pairs = frame.select(
        pl.when(~anonymous & (pl.col(name) != "")).then(pl.concat_str("project", pl.lit("\x00"), name)).alias(name)
        for name in fields
    )
    distinct = pl.concat([pl.Series(dtype=pl.String), *(pair.unique() for pair in pairs)]).unique().drop_nulls()
    pseudonyms = [
        names.pseudonym(project, value) for project, _, value in (pair.partition("\x00") for pair in distinct)
    ]
    known = pl.Series(pseudonyms, dtype=pl.String)
    return pairs.select(pl.all().replace_strict(distinct, known, default=None, return_dtype=pl.String)).get_columns()
