"""What is due fires once, in order, with its own due time, whoever races and whatever went down."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from services.escalation import events
from services.escalation.models import CaseState, Due
from services.escalation.watch import clocks, firing, turns
from tests.harness.databases import Database
from tests.service.escalation.tower import NUMBER, Tower, end_of

NUMBERS = [f"KTB-23456-{n:05}" for n in range(60)]
ONCE = ["passed V", "raised V 1 head_of_coordinator"]


def test_a_report_nobody_verifies_climbs_the_ladder(tower: Tower) -> None:
    tower.open()  # Monday; V ends on Thursday
    seen = {}
    for day in range(3, 14):
        tower.at(f"2026-11-{day:02} 00:00:01").sweep()
        seen[day] = tower.fired()

    assert seen[4] == []
    assert seen[5] == ["approaching V"]
    assert seen[6] == [*seen[5], "passed V", "raised V 1 head_of_coordinator"]
    assert seen[10] == seen[6]
    assert seen[11] == [*seen[10], "raised V 2 sekda"]  # three working days after Thursday
    assert seen[13] == [*seen[11], "raised V 3 bupati"]


@pytest.mark.parametrize(
    ("klass", "second"), [("ordinary", "sekda"), ("supervisory", "inspectorate")]
)
def test_an_agency_that_does_not_follow_up_is_raised_to_its_head_then_higher(
    tower: Tower, klass: str, second: str
) -> None:
    tower.open()
    tower.dispose(**{"class": klass})

    tower.at("2026-11-18 10:00").sweep()

    assert [line for line in tower.fired() if " F" in line] == [
        "passed F",
        "raised F 1 head_of_agency",
        f"raised F 2 {second}",
        "raised F 3 bupati",
    ]
    first = tower.said("escalation.raised")[0]
    assert (first["agency"], first["due_at"]) == ("dpupr", end_of("2026-11-09"))


def test_what_nobody_holds_is_raised_to_the_coordinators_head(tower: Tower) -> None:
    tower.open()
    tower.dispose()
    tower.hear("case.returned.v1", agency="dpupr", returns=1, goes_to="coordinator")

    tower.at("2026-11-10 10:00").sweep()

    assert "raised F 1 head_of_coordinator" in tower.fired()


def test_the_arbiters_limit_goes_straight_to_the_bupati(tower: Tower) -> None:
    tower.open()
    tower.dispose()
    tower.hear("case.returned.v1", agency="dpupr", returns=2, goes_to="arbiter")

    tower.at("2026-11-04 00:00:01").sweep()

    assert tower.fired() == ["passed A", "raised A 3 bupati"]


def test_silence_and_missing_data_pass_without_blaming_anybody(tower: Tower) -> None:
    tower.begin_work()
    tower.hear("case.data_requested.v1", awaited_from="in_progress")

    tower.at("2026-12-03 00:00:01").sweep()

    assert tower.fired() == ["passed D"]
    assert tower.count("SELECT count(*) FROM breach") == 0


def test_nothing_fires_before_its_last_second_is_over(tower: Tower) -> None:
    tower.open()

    tower.at("2026-11-05 23:59:59").sweep()
    assert tower.fired() == ["approaching V"]

    tower.at("2026-11-06 00:00:00").sweep()
    assert tower.fired()[1:] == ONCE


def test_a_limit_that_is_over_is_not_told_to_come_near(tower: Tower) -> None:
    """The reminder was due while nobody looked: late, but only as long as it is true."""
    late, too_late = NUMBERS[:2]
    tower.open(too_late)
    tower.at("2026-11-03 10:00").open(late)

    tower.at("2026-11-06 08:00").sweep()

    assert tower.fired(too_late) == ONCE
    assert tower.fired(late) == ["approaching V"]
    assert tower.count("SELECT count(*) FROM due WHERE what = 'reminder' AND fired_at IS NULL") == 0


def test_a_clock_that_stands_fires_nothing(tower: Tower) -> None:
    tower.open()
    tower.hear("case.data_requested.v1", awaited_from="unverified")

    tower.at("2026-11-25 10:00").sweep()

    assert tower.fired() == []


def test_a_late_answer_holds_the_ladder_until_the_reporter_objects(tower: Tower) -> None:
    tower.begin_work()  # S ends on Friday 20 November
    tower.at("2026-11-23 10:00").sweep()
    tower.answer()
    tower.at("2026-12-05 10:00").sweep()
    before = tower.fired()
    assert before[-3:] == ["passed S", "offered settlement_passed", "raised S 1 head_of_agency"]

    tower.at("2026-12-07 10:00").hear(
        "case.objected.v1", status="in_progress", objections=1, cycle=2
    )
    tower.at("2026-12-10 00:00:01").sweep()
    assert tower.fired() == before

    tower.at("2026-12-11 00:00:01").sweep()  # 8, 9 and 10 December are the three days
    assert tower.fired() == [*before, "raised S 2 sekda"]


def test_after_three_days_of_downtime_everything_fires_once_in_order_with_its_own_due_time(
    tower: Tower,
) -> None:
    days = ("2026-11-02", "2026-11-03", "2026-11-04")
    for n, day in enumerate(days):
        for number in NUMBERS[n * 5 : n * 5 + 5]:
            tower.at(f"{day} 10:00").open(number)

    tower.at("2026-11-10 09:00").sweep()
    tower.sweep()

    rows = tower.database.psql(
        "SELECT data->>'due_at' FROM outbox WHERE type = 'deadline.passed.v1' ORDER BY id"
    )
    assert [due for (due,) in rows] == [
        end_of(day) for day in ("2026-11-05", "2026-11-06", "2026-11-09") for _ in range(5)
    ]
    for number in NUMBERS[:15]:
        assert tower.fired(number)[:2] == ONCE
        assert len(set(tower.fired(number))) == len(tower.fired(number))


@pytest.fixture
def crowd(tower: Tower) -> Tower:
    """Sixty cases whose V has passed."""
    for number in NUMBERS:
        tower.open(number)
    return tower.at("2026-11-06 08:00")


def race(tower: Tower, racers: int = 5) -> None:
    """All sweep at once, until each has found nothing more."""
    started = threading.Barrier(racers)
    errors: list[BaseException] = []

    def run() -> None:
        started.wait()
        try:
            while tower.service.fire_due(tower.clock.at):
                pass
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(racers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_five_racing_sweepers_fire_everything_once(crowd: Tower) -> None:
    race(crowd)

    assert [crowd.fired(number) for number in NUMBERS] == [ONCE] * len(NUMBERS)
    assert crowd.count("SELECT count(*) FROM due WHERE what = 'passed' AND fired_at IS NULL") == 60


def test_without_the_cases_lock_they_would_not(
    crowd: Tower, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: the same race without locks fires something twice."""
    unlocked = firing.OLDEST.text.replace("FOR UPDATE OF c, d SKIP LOCKED", "")
    assert unlocked != firing.OLDEST.text
    monkeypatch.setattr(firing, "OLDEST", text(unlocked))

    race(crowd)

    assert any(crowd.fired(number) != ONCE for number in NUMBERS)


def test_a_case_that_fails_holds_up_no_other_and_is_tried_again(
    tower: Tower, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in NUMBERS[:5]:
        tower.open(number)
    tower.at("2026-11-06 08:00")
    real = events.passed

    def broken(clock: object, *told: object) -> object:
        if clock.number == NUMBERS[0]:
            raise RuntimeError("a fault in one case")
        return real(clock, *told)

    monkeypatch.setattr(events, "passed", broken)
    tower.service.sweep()
    assert [len(tower.fired(number)) for number in NUMBERS[:5]] == [0, 2, 2, 2, 2]

    monkeypatch.undo()
    tower.service.sweep()
    assert tower.fired(NUMBERS[0]) == []  # it rests
    tower.clock.at += turns.REST
    tower.service.sweep()
    assert tower.fired(NUMBERS[0]) == ONCE
    assert tower.count("SELECT count(*) FROM failed_turn") == 0


FAILING, HEALTHY = NUMBERS, [f"KTB-34567-{n:05}" for n in range(10)]


@pytest.fixture
def failing(tower: Tower, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Sixty cases whose work fails, before ten whose work does not; counts the tries."""
    tries: Counter[str] = Counter()
    for number in [*FAILING, *HEALTHY]:
        tower.open(number)
        tower.clock.at += timedelta(seconds=1)
    tower.settings = tower.service.settings = replace(tower.settings, breaker_floor=1000)

    def breaks(real: Callable[..., object]) -> Callable[..., object]:
        def work(tx: object, case: CaseState, *more: object) -> object:
            tries[case.number] += 1
            if case.number in FAILING:
                raise RuntimeError("a fault in many cases")
            return real(tx, case, *more)

        return work

    monkeypatch.setattr(firing, "fire", breaks(firing.fire))
    monkeypatch.setattr(clocks, "measure_again", breaks(clocks.measure_again))
    return tries


def test_however_many_cases_fail_they_hold_up_no_other(tower: Tower, failing: Counter[str]) -> None:
    tower.at("2026-11-06 08:00")

    again = [tower.service.sweep() for _ in range(3)]

    assert [tower.fired(number) for number in HEALTHY] == [ONCE] * 10
    assert again == [False] * 3  # nothing is tried at once again, nor before it has rested
    assert {failing[number] for number in FAILING} == {1}
    tower.clock.at += turns.REST
    tower.service.sweep()
    assert {failing[number] for number in FAILING} == {2}


def test_however_many_cannot_be_measured_the_others_are(
    tower: Tower, failing: Counter[str]
) -> None:
    tower.database.psql("UPDATE regime SET version = version + 1")

    assert [tower.service.measure_stale() for _ in range(3)] == [False] * 3

    assert set(failing.values()) == {1}
    stale = "SELECT count(*) FROM clock c WHERE regime < (SELECT version FROM regime)"
    assert tower.count(f"{stale} AND number LIKE 'KTB-34567-%'") == 0
    tower.at("2026-11-06 08:00")
    tower.service.sweep()
    assert set(tower.fired(HEALTHY[0])) == set(ONCE)


def test_a_turn_ends_after_so_many_cases_that_were_done(tower: Tower, crowd: Tower) -> None:
    crowd.settings = crowd.service.settings = replace(crowd.settings, breaker_floor=1000)

    # sixty cases, each with a reminder and with what falls due a day later
    assert [crowd.service.sweep() for _ in range(3)] == [True, True, False]


def test_what_fell_due_while_nobody_looked_fires_in_the_order_of_its_due_times(
    tower: Tower,
) -> None:
    """Across cases too: what is due of a case later waits for what is due of another before."""
    for day, number in enumerate(NUMBERS[:4], start=2):
        tower.at(f"2026-11-0{day} 10:00").open(number)

    tower.at("2026-11-20 08:00").sweep()

    assert len(tower.order()) == 4 * 4  # the end, and three levels
    assert tower.order() == sorted(tower.order())


def test_who_fires_all_of_a_case_at_once_would_break_the_order(
    tower: Tower, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: a case's turn that takes in all that is due of it."""
    one_due_time = firing.fire

    def all_at_once(tx: Session, case: CaseState, *more: object) -> None:
        while tx.scalars(select(Due).where(Due.number == case.number, Due.fired_at.is_(None),
                                           Due.due_at <= tower.clock.now())).first():  # fmt: skip
            one_due_time(tx, case, *more)

    monkeypatch.setattr(firing, "fire", all_at_once)
    for day, number in enumerate(NUMBERS[:4], start=2):
        tower.at(f"2026-11-0{day} 10:00").open(number)

    tower.at("2026-11-20 08:00").sweep()

    assert tower.order() != sorted(tower.order())


def test_a_clock_that_goes_back_fires_nothing_again(tower: Tower) -> None:
    tower.open()
    tower.at("2026-11-06 08:00").sweep()

    tower.at("2026-11-05 20:00").sweep()
    tower.database.psql("UPDATE regime SET version = version + 1")
    tower.measure_stale()
    tower.at("2026-11-06 08:30").sweep()

    assert tower.fired() == ONCE


def test_firing_and_what_is_said_of_it_are_one_transaction(
    tower: Tower, monkeypatch: pytest.MonkeyPatch
) -> None:
    tower.open()
    tower.at("2026-11-06 08:00")

    def fails(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("services.escalation.watch.breaches.settle", fails)
    tower.service.sweep()

    assert tower.fired() == []
    assert tower.count("SELECT count(*) FROM due WHERE fired_at IS NOT NULL") == 1


def test_a_handler_and_a_sweeper_of_one_case_wait_for_each_other(tower: Tower) -> None:
    """The disposition holds the case; the sweep passes it by and finds V stopped afterwards, once
    its limit had passed."""
    tower.open()
    tower.at("2026-11-06 08:00")
    with tower.db.begin() as tx:
        clocks.locked(tx, NUMBER)
        tower.sweep()
        assert tower.fired() == []

    tower.dispose()
    tower.sweep()
    tower.sweep()

    assert tower.fired() == ONCE


def test_another_process_may_take_over_in_the_middle(
    tower: Tower, database: Callable[[str], Database], secrets_folder: Path
) -> None:
    other = Tower(tower.database, secrets_folder, seeded=False)
    for number in NUMBERS[:10]:
        tower.open(number)
    other.clock.at = tower.at("2026-11-06 08:00").clock.at

    with tower.db.begin() as tx:
        clocks.locked(tx, NUMBERS[0])
        other.sweep()
    tower.clock.at += timedelta(minutes=1)
    tower.sweep()
    other.close()

    assert [tower.fired(number) for number in NUMBERS[:10]] == [ONCE] * 10
