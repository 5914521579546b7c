"""Better late than wrong: a mass firing is refused until a person has looked."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from chassis.errors import NotAllowed
from services.escalation import metrics
from services.escalation.models import CaseState
from services.escalation.watch import breaker, firing
from tests.service.escalation.test_amending import NEW_LEAVE
from tests.service.escalation.tower import Tower

NUMBERS = [f"KTB-23456-{n:05}" for n in range(40)]


def passed(tower: Tower) -> int:
    return tower.count("SELECT count(*) FROM due WHERE what = 'passed' AND fired_at IS NOT NULL")


def refusal(tower: Tower) -> str | None:
    return tower.database.psql("SELECT reason FROM breaker")[0][0]


def gauge(reason: str) -> float:
    return float(metrics.BREAKER.labels(reason)._value.get())


def release(tower: Tower) -> None:
    with tower.db.begin() as tx:
        breaker.release(tx, "kepala.diskominfo", tower.clock)


def fire(tower: Tower) -> None:
    """As if the breaker had let it through."""
    while tower.service.fire_due(tower.clock.at):
        pass


def most(tower: Tower, days: int) -> int:
    """What may be due at once, so many days later."""
    now = tower.clock.at + timedelta(days=days)
    tower.database.psql("UPDATE breaker SET most = NULL")
    with tower.db.begin() as tx:
        breaker.may_fire(tx, tower.clock, tower.service.pace, 50, now)
    return tower.count("SELECT most FROM breaker")


@pytest.fixture
def many(tower: Tower) -> Tower:
    """Forty cases; when V has passed, 120 wake-ups are due at once and fifty are usual."""
    for number in NUMBERS:
        tower.open(number)
    return tower


def test_more_than_usual_is_refused_shown_and_left_as_it_was(many: Tower) -> None:
    many.at("2026-11-06 08:00").sweep()

    assert passed(many) == 0
    assert refusal(many) == "mass_firing"
    assert gauge("mass_firing") == 1
    assert many.count("SELECT due_now FROM breaker") == 120  # fifty are usual


def test_a_jump_of_a_year_fires_nothing(many: Tower) -> None:
    many.at("2027-11-02 10:00").sweep()

    assert passed(many) == 0


def test_a_jump_after_the_breaker_has_looked_fires_nothing(
    many: Tower, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = breaker.may_fire

    def may_fire(*asked: Any) -> bool:
        allowed = looks(*asked)
        many.at("2027-11-02 10:00")
        return allowed

    monkeypatch.setattr(breaker, "may_fire", may_fire)
    many.sweep()

    assert passed(many) == 0


def test_when_the_clock_is_put_right_firing_goes_on_by_itself(many: Tower) -> None:
    many.at("2027-11-02 10:00").sweep()

    many.at("2026-11-02 11:00").open("KTB-34567-00001")
    many.sweep()

    assert refusal(many) is None
    assert gauge("mass_firing") == 0


def test_an_operator_who_has_looked_releases_what_is_due(many: Tower) -> None:
    many.at("2026-11-06 08:00").sweep()
    release(many)

    many.sweep()

    assert passed(many) == len(NUMBERS)
    assert refusal(many) is None
    assert many.database.psql("SELECT released_by FROM breaker") == [("kepala.diskominfo",)]


def test_a_release_does_not_cover_what_falls_due_later(many: Tower) -> None:
    release(many)

    many.at("2026-11-06 08:00").sweep()

    assert passed(many) == 0


def test_what_is_usual_is_five_times_a_busy_day_of_the_last_week(many: Tower) -> None:
    fire(many.at("2026-11-05 00:00"))  # the reminders
    fire(many.at("2026-11-06 00:00"))  # and eighty on that day

    # holidays, on which nothing falls due, make no day unusual
    assert [most(many, days) for days in (0, 1, 7, 30, 36)] == [200, 400, 400, 400, 50]


@pytest.mark.fault
def test_what_fires_late_counts_on_the_day_on_which_it_was_due(many: Tower) -> None:
    """It was a backlog of a downtime: 120, of which no day had more than eighty."""
    fire(many.at("2026-11-06 08:00"))

    assert most(many, days=1) == 400


@pytest.mark.fault
@pytest.mark.parametrize("waited", [timedelta(seconds=30), timedelta(hours=8)])
def test_a_night_that_was_released_is_usual_in_the_next(many: Tower, waited: timedelta) -> None:
    """Or each night would be refused after some on which nothing was due."""
    many.at("2026-11-06 00:00").sweep()
    assert refusal(many) == "mass_firing"

    many.clock.at += waited
    release(many)
    many.sweep()

    assert passed(many) == len(NUMBERS)
    assert [most(many, days) for days in (0, 1)] == [200, 400]


@pytest.mark.fault
def test_what_was_moved_into_the_past_is_never_usual_though_it_was_released(many: Tower) -> None:
    many.at("2026-11-03 10:00").database.psql(
        "UPDATE due SET due_at = %s, armed_at = %s",
        [many.clock.at - timedelta(days=1), many.clock.at],
    )
    release(many)
    many.sweep()

    assert passed(many) == 2 * len(NUMBERS)
    assert most(many, days=3) == 50


@pytest.mark.fault
def test_a_higher_floor_holds_at_once(many: Tower) -> None:
    many.at("2026-11-06 08:00").sweep()
    assert refusal(many) == "mass_firing"

    with many.db.begin() as tx:
        assert breaker.may_fire(tx, many.clock, many.service.pace, 120, many.clock.at)


@pytest.mark.fault
def test_a_mass_stays_one_while_the_clocks_disagree(
    many: Tower, monkeypatch: pytest.MonkeyPatch
) -> None:
    many.at("2026-11-06 08:00").sweep()
    real = many.clock.real
    monkeypatch.setattr(many.clock, "real", lambda: real() + timedelta(seconds=61))
    refused_at = many.database.psql("SELECT refused_at FROM breaker")

    many.at("2026-11-06 11:00").sweep()

    assert refusal(many) == "mass_firing"
    assert many.database.psql("SELECT refused_at FROM breaker") == refused_at


@pytest.mark.fault
def test_a_release_covers_what_was_armed_while_a_clock_was_ahead(many: Tower) -> None:
    many.database.psql("UPDATE due SET armed_at = armed_at + interval '1 year'")
    many.at("2026-11-06 08:00").sweep()
    assert refusal(many) == "mass_firing"
    release(many)

    many.sweep()

    assert refusal(many) is None
    assert passed(many) == len(NUMBERS)


@pytest.mark.fault
def test_a_worker_whose_clock_is_behind_forgets_no_release(
    many: Tower, monkeypatch: pytest.MonkeyPatch
) -> None:
    many.at("2026-11-06 08:00")
    release(many)
    real = many.clock.real
    monkeypatch.setattr(many.clock, "real", lambda: real() - timedelta(minutes=2))

    many.at("2026-11-06 07:58").sweep()

    assert refusal(many) == "clock_skew"
    assert many.count("SELECT count(released_through) FROM breaker") == 1


def test_what_was_tried_and_failed_stops_nobody_else(
    many: Tower, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once let through, it stays due for as long as it fails: 120 wake-ups of forty cases."""
    later = "KTB-34567-00001"
    many.open(later)
    real = firing.fire

    def fire(tx: Session, case: CaseState, *more: Any) -> None:
        if case.number != later:
            raise RuntimeError("a fault in many cases")
        real(tx, case, *more)

    monkeypatch.setattr(firing, "fire", fire)
    many.at("2026-11-06 08:00").service.fire_due(many.clock.at)
    many.clock.at += timedelta(days=3)  # and so does what falls due of them later
    many.service.fire_due(many.clock.at)

    many.sweep()

    assert refusal(many) is None
    assert passed(many) == 1


def test_what_falls_due_after_a_failure_counts(many: Tower) -> None:
    """A clock that jumps is refused, whoever failed before."""
    for number in NUMBERS:
        many.database.psql(
            "INSERT INTO failed_turn VALUES ('fire', %s, %s)", [number, many.clock.at]
        )

    many.at("2026-11-06 08:00").sweep()

    assert refusal(many) == "mass_firing"


def test_what_is_not_measured_again_yet_counts_and_what_was_moved_does_not_fire(
    many: Tower,
) -> None:
    """Nobody knows yet whether it is due; when that is known, firing goes on by itself."""
    many.at("2026-11-05 23:50").database.psql(NEW_LEAVE)

    many.at("2026-11-06 00:00:05").sweep()
    assert refusal(many) == "mass_firing"
    many.measure_stale()
    many.sweep()

    assert refusal(many) is None
    assert passed(many) == 0


def test_a_release_fires_nothing_that_was_moved(many: Tower) -> None:
    many.at("2026-11-05 23:50").database.psql(NEW_LEAVE)
    many.at("2026-11-06 00:00:05")
    release(many)

    many.sweep()

    assert refusal(many) is None
    assert passed(many) == 0


def test_a_release_does_not_cover_what_is_moved_to_before_it(many: Tower) -> None:
    """A wrong limit, entered hours after a release, makes due in the past what was not."""
    many.at("2026-11-05 10:00")
    release(many)
    many.database.psql(
        "UPDATE due SET due_at = due_at - interval '2 days', armed_at = %s",
        [many.at("2026-11-05 12:00").clock.at],
    )

    many.sweep()

    assert refusal(many) == "mass_firing"
    assert passed(many) == 0


def test_clocks_that_disagree_fire_nothing_and_cannot_be_released(
    tower: Tower, monkeypatch: pytest.MonkeyPatch
) -> None:
    tower.open()
    tower.at("2026-11-06 08:00")
    real = tower.clock.real
    monkeypatch.setattr(tower.clock, "real", lambda: real() + timedelta(seconds=61))

    tower.sweep()
    with pytest.raises(NotAllowed):
        release(tower)
    tower.sweep()

    assert passed(tower) == 0
    assert refusal(tower) == "clock_skew"

    monkeypatch.undo()
    tower.sweep()
    assert passed(tower) == 1


def test_a_moved_demonstration_clock_is_no_disagreement(tower: Tower) -> None:
    tower.open()

    tower.at("2026-11-06 08:00").sweep()  # days away from the machine's own time

    assert passed(tower) == 1


@pytest.mark.fault
def test_a_release_by_a_clock_that_was_ahead_is_forgotten_when_it_is_right_again(
    many: Tower,
) -> None:
    many.at("2026-11-06 10:00")
    release(many)

    many.at("2026-11-06 08:00").sweep()

    assert refusal(many) == "mass_firing"
    assert many.database.psql("SELECT released_through FROM breaker") == [(None,)]
    assert passed(many) == 0
