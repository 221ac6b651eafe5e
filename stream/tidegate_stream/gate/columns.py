"""The gate for a frame: expressions over columns, Python only for distinct values and for suspect texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import polars as pl

from tidegate_schemas.networks import truncated_ip
from tidegate_schemas.reasons import Reason
from tidegate_schemas.topics import Kind
from tidegate_stream.gate.json_columns import ParsedTexts
from tidegate_stream.gate.keys import Keys
from tidegate_stream.gate.known import Known
from tidegate_stream.gate.plan import JSON, Plan
from tidegate_stream.gate.pseudonyms import Namer, Pseudonymiser
from tidegate_stream.gate.reference import NO_KEY, TELLING_PRODUCER
from tidegate_stream.gate.rules.columns import Removed, by_rules
from tidegate_stream.gate.rules.compiled import NO_RULES, Rules
from tidegate_stream.gate.texts import telling_producer
from tidegate_stream.gate.validity import HEX_IDS, hex_id
from tidegate_stream.gate.validity import rules as bounds_of
from tidegate_stream.gate.values import coarse_user_agent
from tidegate_stream.gate.variables import STACK, without_variables_by_column

DENIED = pl.col("consent") == "denied"
FORMERLY = (pl.col("consent") == "granted") & (pl.col("type") != "alias")
PREVIOUS = "previous_id"
QUERY = r"(?s)(?:[?#]|%3[Ff]|%23).*$"


def refusals(plan: Plan, keys: Keys, frame: pl.DataFrame, parsed: ParsedTexts) -> tuple[pl.Series, pl.DataFrame]:
    """Which rows may not pass, and `reason` and `detail` of those: the first broken rule. Fills `parsed`."""
    keyed = [name for name in frame["project"].unique().drop_nulls() if keys.epochs(name)]
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
        for rule in bounds_of(kind)
    ]
    return [(DENIED, Reason.CONSENT_DENIED, ""), *bounds]


def clean_frame(
    plan: Plan, names: Pseudonymiser, given: pl.DataFrame, parsed: ParsedTexts, rules: Rules = NO_RULES
) -> tuple[pl.DataFrame, Removed]:
    """The clean events of rows that aren't refused, in their order, under clean names; `parsed` is of these rows.

    And how many properties were left out, by project, as the rules don't know their names.
    """
    anonymous = pl.col("consent") == "anonymous"
    frame = given
    if STACK in plan.json:
        allowing = [project for project, own in rules.projects.items() if own.variables]
        frame = without_variables_by_column(given, allowing, parsed)
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
    clean, removed = by_rules(plan, rules, given, frame.with_columns(**columns), known)
    if "anonymous_id" in plan.pseudonymised:
        clean = clean.with_columns(pl.coalesce("anonymous_id", "user_id").alias("anonymous_id"))
    return clean.rename({raw: new for raw, new in plan.renamed.items() if raw in clean.columns}), removed


def mapped(column: pl.Series, function: Callable[[str], str | None]) -> pl.Series:
    """A function of each distinct text; null stays null."""
    distinct = column.unique().drop_nulls()
    results = pl.Series([function(text) for text in distinct], dtype=pl.String)
    return column.replace_strict(distinct, results, default=None, return_dtype=pl.String)


def _pseudonyms(
    names: Pseudonymiser, frame: pl.DataFrame, fields: Sequence[str], anonymous: pl.Expr
) -> list[pl.Series]:
    """HMAC over distinct values of a project and epoch, put where they stood; `previous_id` may tell a former name."""
    moments = names.moments(frame["project"], frame["received_at"].cast(pl.Int64))
    told = frame.select(pl.when(~anonymous & (pl.col(name) != "")).then(pl.col(name)).alias(name) for name in fields)
    columns = _named(frame["project"], moments, told, names.namer)
    if PREVIOUS not in fields:
        return columns
    previous = pl.DataFrame(columns).select(pl.when(frame["type"] == "alias").then(pl.col(PREVIOUS)))[PREVIOUS]
    if names.has_former(frame["project"], moments):
        known = frame.select(pl.when(FORMERLY).then(renamed_id()).alias(PREVIOUS))
        previous = previous.fill_null(_named(frame["project"], moments, known, names.former_namer)[0])
    return [previous if column.name == PREVIOUS else column for column in columns]


def renamed_id() -> pl.Expr:
    """The id whose former name an event tells: the device's if it says who the user is, else the user's, if any."""
    user, device = (pl.when(pl.col(name) != "").then(pl.col(name)) for name in ("user_id", "anonymous_id"))
    return pl.when(pl.col("type") == "identify").then(pl.coalesce(device, user)).otherwise(pl.coalesce(user, device))


def _named(
    projects: pl.Series, moments: int | pl.Series, told: pl.DataFrame, namer_of: Callable[[str, int], Namer]
) -> list[pl.Series]:
    """Names of texts, each distinct one of a project and moment asked for once, put where the texts stood."""
    # Neither a project's name nor a number has a NUL in it, so all that decides a name can be told by one text.
    parts = [projects] if isinstance(moments, int) else [projects, moments.cast(pl.String)]
    texts = told.select(pl.concat_str(*parts, pl.col(name), separator="\x00").alias(name) for name in told.columns)
    distinct = pl.concat([pl.Series(dtype=pl.String), *(text.unique() for text in texts)]).unique().drop_nulls()
    found: list[str | None] = []
    namers: dict[str, Namer] = {}
    for text in distinct:
        project, *moment, value = text.split("\x00", len(parts))
        where = f"{project} {moment}" if moment else project
        namer = namers.get(where)
        if namer is None:
            at = moments if isinstance(moments, int) else int(moment[0])
            namer = namers[where] = namer_of(project, at)
        found.append(namer(value))
    known = pl.Series(found, dtype=pl.String)
    return texts.select(pl.all().replace_strict(distinct, known, default=None, return_dtype=pl.String)).get_columns()
