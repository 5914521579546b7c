"""A clock that jumps ahead fires nothing until a person has looked, however little is due; one that
is put right, or was only away, fires."""

from datetime import timedelta

import pytest

from services.escalation.watch.pace import Pace
from tests.service.escalation.test_breaker import gauge, passed, refusal, release
from tests.service.escalation.tower import Tower

pytestmark = pytest.mark.fault

NUMBERS = [f"KTB-23456-{n:05}" for n in range(8)]
HOUR, YEAR = timedelta(hours=1), timedelta(days=365)


class Machine:
    """Its clock and the database's are one, and jump together: then less time than they tell has
    gone by since it was started. As many jumps as the sum of them says."""

    def __init__(self, tower: Tower) -> None:
        self.tower, self.ahead = tower, timedelta()
        self.start()

    def start(self) -> None:
        """A worker that knows nothing."""
        self.tower.service.pace = Pace(lambda: -self.ahead)

    def jump(self, by: timedelta) -> None:
        self.ahead += by
        self.tower.clock.at += by


@pytest.fixture
def machine(tower: Tower) -> Machine:
    """Eight cases, as many as a first user may have: nothing that looks like a mass."""
    for number in NUMBERS:
        tower.open(number)
    made = Machine(tower)
    tower.sweep()
    return made


def last_look(tower: Tower, ago: timedelta) -> None:
    tower.database.psql("UPDATE breaker SET looked_at = clock_timestamp() - %s", [ago])


def test_a_jump_of_a_year_fires_nothing(machine: Machine) -> None:
    machine.jump(YEAR)
    for _ in range(2):
        machine.tower.sweep()

    assert passed(machine.tower) == 0
    assert refusal(machine.tower) == "clock_jump"
    assert gauge("clock_jump") == 1


def test_a_clock_that_is_put_back_goes_on_by_itself(machine: Machine) -> None:
    machine.jump(YEAR)
    machine.tower.sweep()

    machine.jump(-YEAR)
    machine.tower.at("2026-11-06 08:00").sweep()

    assert refusal(machine.tower) is None
    assert passed(machine.tower) == len(NUMBERS)


@pytest.mark.fault
@pytest.mark.parametrize("back", [timedelta(), -HOUR])
def test_who_has_looked_releases_a_jump_and_what_is_due_with_it(
    machine: Machine, back: timedelta
) -> None:
    machine.jump(timedelta(days=4))
    machine.tower.sweep()

    release(machine.tower)
    machine.tower.sweep()
    machine.jump(back)
    machine.tower.sweep()

    assert refusal(machine.tower) is None
    assert passed(machine.tower) == len(NUMBERS)


@pytest.mark.fault
def test_a_jump_after_a_release_is_one_again(machine: Machine) -> None:
    release(machine.tower)
    machine.tower.sweep()

    machine.jump(YEAR)
    machine.tower.sweep()

    assert refusal(machine.tower) == "clock_jump"


@pytest.mark.fault
@pytest.mark.parametrize("by", [HOUR, -HOUR, -YEAR])
def test_an_hour_ahead_or_any_time_back_stalls_nothing(machine: Machine, by: timedelta) -> None:
    machine.jump(by)

    machine.tower.at("2026-11-06 08:00").sweep()

    assert passed(machine.tower) == len(NUMBERS)


@pytest.mark.fault
def test_a_moved_demonstration_clock_is_no_jump(machine: Machine) -> None:
    machine.tower.at("2026-11-06 08:00").sweep()

    assert passed(machine.tower) == len(NUMBERS)


@pytest.mark.fault
@pytest.mark.parametrize(
    ("away", "reason"),
    [(timedelta(days=4), None), (timedelta(days=13), None), (timedelta(days=15), "clock_jump")],
)
def test_a_worker_that_starts_was_away_for_two_weeks_at_most(
    machine: Machine, away: timedelta, reason: str | None
) -> None:
    last_look(machine.tower, away)
    machine.start()

    for _ in range(2):
        machine.tower.at("2026-11-06 08:00").sweep()

    assert refusal(machine.tower) == reason
    assert passed(machine.tower) == (0 if reason else len(NUMBERS))


def test_a_jump_outlives_the_worker_that_saw_it(machine: Machine) -> None:
    machine.jump(timedelta(days=4))
    machine.tower.sweep()

    machine.start()
    machine.tower.sweep()
    assert (refusal(machine.tower), passed(machine.tower)) == ("clock_jump", 0)

    release(machine.tower)
    machine.tower.sweep()
    assert passed(machine.tower) == len(NUMBERS)


@pytest.mark.fault
def test_the_last_look_is_kept_while_the_clock_is_right(machine: Machine) -> None:
    last_look(machine.tower, HOUR)
    machine.tower.sweep()
    recent = "SELECT looked_at > clock_timestamp() - interval '1 minute' FROM breaker"
    assert machine.tower.database.psql(recent) == [(True,)]

    last_look(machine.tower, HOUR)
    machine.jump(YEAR)
    machine.tower.sweep()
    assert machine.tower.database.psql(recent) == [(False,)]
