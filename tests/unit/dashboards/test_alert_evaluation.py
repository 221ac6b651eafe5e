"""Literal times throughout: the evaluator has no clock of its own."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate_dashboards.alerts.evaluate import Alert, Evaluation, Labels, Phase, evaluate
from tidegate_dashboards.alerts.rules import Rule

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
RUN = (("method", "POST"), ("route", "/run"))


def rule(**changes: Any) -> Rule:
    return Rule.model_validate(
        {
            "name": "server-error-rate",
            "summary": "{route} fails",
            "query": "server_error_rate",
            "threshold": 0.05,
            "minimum_sample": 20,
            "no_data_after_seconds": 600,
            **changes,
        }
    )


def row(value: float | None, sample: float, route: str = "/run") -> dict[str, Any]:
    return {"method": "POST", "route": route, "value": value, "sample": sample}


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def kinds(evaluation: Evaluation) -> list[str]:
    return [transition.kind for transition in evaluation.transitions]


def test_a_rate_at_the_threshold_is_well() -> None:
    found = evaluate(rule(), [row(0.05, 20)], {}, NOON)

    assert kinds(found) == []
    assert found.alerts[RUN].phase is Phase.OK


def test_a_rate_beyond_the_threshold_fires_at_once_without_a_for_duration() -> None:
    found = evaluate(rule(), [row(0.051, 20)], {}, NOON)

    assert kinds(found) == ["firing"]
    assert found.alerts[RUN].phase is Phase.FIRING
    assert found.transitions[0].reason == "0.051 > 0.05 with a sample of 20"


def test_a_tiny_sample_says_nothing() -> None:
    found = evaluate(rule(), [row(1.0, 19.9)], {}, NOON)

    assert kinds(found) == []
    assert found.alerts == {}


def test_a_firing_alert_is_told_once() -> None:
    first = evaluate(rule(), [row(0.5, 40)], {}, NOON)
    second = evaluate(rule(), [row(0.6, 40)], first.alerts, at(10))

    assert kinds(second) == []
    assert second.alerts[RUN].since == NOON
    assert second.alerts[RUN].value == 0.6


def test_an_alert_is_pending_until_the_condition_held_for_the_whole_duration() -> None:
    slow = rule(for_seconds=60)

    first = evaluate(slow, [row(0.5, 40)], {}, NOON)
    before = evaluate(slow, [row(0.5, 40)], first.alerts, at(59.9))
    after = evaluate(slow, [row(0.5, 40)], before.alerts, at(60))

    assert (kinds(first), kinds(before), kinds(after)) == (["pending"], [], ["firing"])
    assert after.alerts[RUN].since == NOON


def test_a_pending_alert_that_gets_well_is_never_told() -> None:
    slow = rule(for_seconds=60)
    first = evaluate(slow, [row(0.5, 40)], {}, NOON)

    well = evaluate(slow, [row(0.0, 40)], first.alerts, at(30))
    again = evaluate(slow, [row(0.5, 40)], well.alerts, at(70))

    assert kinds(well) == []
    assert kinds(again) == ["pending"]
    assert again.alerts[RUN].since == at(70)


def test_a_firing_alert_resolves_when_it_is_back_within_the_threshold() -> None:
    first = evaluate(rule(), [row(0.5, 40)], {}, NOON)
    well = evaluate(rule(), [row(0.01, 40)], first.alerts, at(300))

    assert kinds(well) == ["resolved"]
    assert well.transitions[0].alert.since == NOON
    assert well.transitions[0].at == at(300)
    assert well.alerts[RUN].phase is Phase.OK


def test_each_endpoint_is_an_alert_of_its_own() -> None:
    found = evaluate(rule(), [row(0.5, 40), row(0.5, 40, "/install"), row(0, 40, "/agents")], {}, NOON)

    assert [dict(transition.alert.labels)["route"] for transition in found.transitions] == ["/install", "/run"]


def test_silence_keeps_a_firing_alert_until_the_no_data_time() -> None:
    first = evaluate(rule(), [row(0.5, 40)], {}, NOON)

    short = evaluate(rule(), [], first.alerts, at(599))
    long = evaluate(rule(), [], short.alerts, at(600))

    assert kinds(short) == []
    assert short.alerts[RUN].phase is Phase.FIRING
    assert kinds(long) == ["resolved"]
    assert long.transitions[0].reason == "no data"
    assert long.alerts == {}


def test_a_sample_that_became_too_small_counts_as_silence() -> None:
    first = evaluate(rule(), [row(0.5, 40)], {}, NOON)
    few = evaluate(rule(), [row(0.0, 3)], first.alerts, at(100))

    assert kinds(few) == []
    assert few.alerts[RUN].phase is Phase.FIRING


def test_keep_never_resolves_on_silence() -> None:
    keep = rule(no_data="keep")
    first = evaluate(keep, [row(0.5, 40)], {}, NOON)

    later = evaluate(keep, [], first.alerts, at(86_400))

    assert kinds(later) == []
    assert later.alerts[RUN].phase is Phase.FIRING


def test_fire_raises_an_alert_for_a_series_that_fell_silent_and_resolves_when_it_is_back() -> None:
    watchful = rule(no_data="fire")
    first = evaluate(watchful, [row(0.0, 40)], {}, NOON)

    silent = evaluate(watchful, [], first.alerts, at(600))
    still = evaluate(watchful, [], silent.alerts, at(1200))
    back = evaluate(watchful, [row(0.0, 40)], still.alerts, at(1300))

    assert (kinds(silent), kinds(still), kinds(back)) == (["firing"], [], ["resolved"])
    assert silent.transitions[0].reason == "no data"


def test_series_that_are_well_and_silent_are_forgotten() -> None:
    first = evaluate(rule(), [row(0.0, 40)], {}, NOON)

    assert evaluate(rule(), [], first.alerts, at(600)).alerts == {}


@pytest.mark.parametrize("value", [None, float("nan")])
def test_a_value_that_is_no_number_says_nothing(value: float | None) -> None:
    assert evaluate(rule(), [row(value, 40)], {}, NOON).alerts == {}


def test_a_rule_may_look_for_too_little() -> None:
    quiet = rule(comparison="<", threshold=1, minimum_sample=0)

    assert kinds(evaluate(quiet, [row(0.5, 0)], {}, NOON)) == ["firing"]
    assert kinds(evaluate(quiet, [row(1.0, 0)], {}, NOON)) == []


@given(
    rounds=st.lists(
        st.tuples(st.sampled_from([None, 0.0, 0.04, 0.06, 1.0]), st.sampled_from([5, 30])), min_size=1, max_size=30
    ),
    for_seconds=st.sampled_from([0, 15, 45]),
    no_data=st.sampled_from(["keep", "resolve", "fire"]),
)
def test_firing_and_resolved_alternate_whatever_comes(
    rounds: list[tuple[float | None, int]], for_seconds: int, no_data: str
) -> None:
    tried = rule(for_seconds=for_seconds, no_data=no_data, no_data_after_seconds=25)
    known: dict[Labels, Alert] = {}
    told: list[str] = []
    for number, (value, sample) in enumerate(rounds):
        rows = [] if value is None else [row(value, sample)]
        found = evaluate(tried, rows, known, at(10 * number))
        known = dict(found.alerts)
        told += [kind for kind in kinds(found) if kind != "pending"]

    assert told == (["firing", "resolved"] * len(told))[: len(told)]
    firing = any(alert.phase is Phase.FIRING for alert in known.values())
    assert firing == (len(told) % 2 == 1)
