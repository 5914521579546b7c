"""A mass that comes little by little is one too: what a wrong decree makes due is measured beside
the firing, case by case."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import pytest

from services.escalation.watch import breaker, turns
from tests.service.escalation.test_breaker import passed, refusal, release
from tests.service.escalation.tower import NUMBER, Tower, local

pytestmark = pytest.mark.fault

FLOOR = 9
NUMBERS = [f"KTB-34567-{n:05}" for n in range(8)]


@pytest.fixture
def crowd(tower: Tower, monkeypatch: pytest.MonkeyPatch) -> Tower:
    """Eight cases of which nothing is due. When V has passed, three wake-ups of each are, and nine
    may be at once. What works on many takes one case at a time."""
    tower.service.settings = replace(tower.settings, breaker_floor=FLOOR)
    for number in NUMBERS:
        tower.open(number)
    tower.at("2026-11-04 10:00").sweep()
    monkeypatch.setattr(turns, "CASES_A_TURN", 1)
    return tower


@pytest.fixture
def after_the_look(crowd: Tower, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """What is done a second after the breaker has looked, each time."""
    looks = breaker.may_fire

    def will_be(does: Callable[[], None]) -> None:
        def may_fire(*asked: Any) -> bool:
            allowed = looks(*asked)
            crowd.clock.at += timedelta(seconds=1)
            does()
            return allowed

        monkeypatch.setattr(breaker, "may_fire", may_fire)

    return will_be


def decree_amiss(tower: Tower) -> None:
    tower.database.psql(
        "INSERT INTO limit_rule (clock, days, unit, effective_from, decree)"
        " VALUES ('V', 1, 'working', '2026-01-01', 'a typing mistake')"
    )


def open_late(tower: Tower, number: str) -> None:
    """A case whose V has passed before anybody here hears of it."""
    at = local("2026-10-28 10:00").astimezone(UTC)
    tower.receive(tower.stream.body("case.opened.v1", number, at))


@pytest.mark.parametrize("later", [timedelta(minutes=11), timedelta(hours=2), timedelta(days=2)])
def test_a_mass_does_not_make_itself_usual(crowd: Tower, later: timedelta) -> None:
    decree_amiss(crowd)
    for _ in range(2):
        crowd.service.measure_stale()
    crowd.sweep()
    assert passed(crowd) == 2

    crowd.measure_stale()
    crowd.sweep()
    crowd.clock.at += later
    crowd.sweep()

    assert refusal(crowd) == "mass_firing"
    assert passed(crowd) == 2


@pytest.mark.parametrize("later", [timedelta(), timedelta(hours=2)])
def test_what_is_moved_into_the_past_one_by_one_waits_for_a_person(
    crowd: Tower, later: timedelta
) -> None:
    """Never are more than three wake-ups due before it is refused."""
    decree_amiss(crowd)
    for _ in NUMBERS[:6]:
        crowd.service.measure_stale()
        crowd.sweep()
    crowd.clock.at += later
    crowd.sweep()
    assert refusal(crowd) == "mass_firing"
    assert passed(crowd) == FLOOR / 3

    release(crowd)
    crowd.sweep()

    assert refusal(crowd) is None
    assert passed(crowd) == 6


def test_news_that_comes_late_adds_to_nothing_usual(crowd: Tower) -> None:
    crowd.at("2026-11-04 23:30")
    for number in ("KTB-45678-00001", "KTB-45678-00002"):
        open_late(crowd, number)
    crowd.sweep()
    assert passed(crowd) == 2

    crowd.at("2026-11-05 00:00").sweep()  # eight reminders

    assert refusal(crowd) is None
    assert crowd.count("SELECT count(*) FROM due WHERE what = 'reminder' AND fired_at > due_at") > 7


def test_what_is_armed_after_the_breaker_has_looked_waits_for_its_next_look(
    crowd: Tower, after_the_look: Callable[..., None]
) -> None:
    decree_amiss(crowd)
    after_the_look(crowd.measure_stale)

    crowd.service.sweep()
    assert refusal(crowd) is None
    crowd.sweep()

    assert refusal(crowd) == "mass_firing"
    assert crowd.count("SELECT count(fired_at) FROM due") == 0


def test_what_is_measured_only_as_it_fires_waits_for_its_next_look(
    crowd: Tower, after_the_look: Callable[..., None]
) -> None:
    """Eight reminders are due. By a limit that has just been decreed all would have passed."""
    crowd.at("2026-11-05 00:00")
    decree_amiss(crowd)
    after_the_look(lambda: None)

    crowd.sweep()
    crowd.measure_stale()
    crowd.sweep()

    assert refusal(crowd) == "mass_firing"
    assert passed(crowd) == 0


def test_what_was_armed_before_the_clock_went_back_stalls_nothing(tower: Tower) -> None:
    open_late(tower.at("2026-11-06 08:00"), NUMBER)

    tower.at("2026-11-06 07:00").sweep()

    assert passed(tower) == 1
