"""After a restore, others hear once more how the open clocks stand, for what was told in the lost
time is not known any more; and nobody is written to for it."""

from pathlib import Path

from services.escalation.watch import retelling
from services.intake.domain import is_news
from services.notify import domain as notify
from tests.harness.dumps import dump
from tests.service.escalation.test_breaker import release
from tests.service.escalation.test_breaker_restored import back, decree, hold  # noqa: F401
from tests.service.escalation.test_feed_epochs import restored
from tests.service.escalation.tower import Tower, end_of

S_ENDS = "2026-11-20"  # of a case that was disposed of on Monday, 2 November


def tell(tower: Tower) -> list[dict[str, object]]:
    """What is said again of a case."""
    before = len(tower.said())
    while tower.service.tell_again():
        pass
    return tower.said()[before:]


def after_restore(tower: Tower, file: Path) -> None:
    """How it was before the last that had happened."""
    restored(tower, file)
    hold(tower)


def test_a_clock_that_others_think_stands_is_said_to_run(tower: Tower, tmp_path: Path) -> None:
    """The question was asked in the lost time, and routing has lost it too."""
    tower.begin_work()
    dump(tower.database.owner_url, tmp_path / "dump")
    tower.at("2026-11-03 10:00").hear("case.data_requested.v1", awaited_from="in_progress")
    assert tower.said("deadline.recomputed")[-1]["after"] is None
    after_restore(tower, tmp_path / "dump")
    assert tell(tower) == []

    release(tower)

    told = tell(tower)
    assert {fact["type"] for fact in told} == {"deadline.started"}
    assert {fact["clock"]: fact["due_at"] for fact in told} == {
        "H": end_of("2027-01-01"), "S": end_of(S_ENDS),
    }  # fmt: skip
    assert tell(tower) == []


def test_one_that_stands_or_is_over_is_said_to_be_so_and_is_no_news(tower: Tower) -> None:
    tower.begin_work()
    other = "KTB-34567-00001"
    tower.begin_work(other)
    tower.at("2026-11-03 10:00").hear("case.data_requested.v1", other, awaited_from="in_progress")
    tower.at("2026-11-21 10:00").sweep()
    hold(tower)
    release(tower)
    before = len(tower.said(number=other))

    [over] = [fact for fact in tell(tower) if fact["clock"] == "S"]
    told = tower.said(number=other)[before:]

    [stands] = [fact for fact in told if fact["clock"] == "S"]
    assert (over["before"], over["after"], over["ends_on"]) == (*[end_of(S_ENDS)] * 2, S_ENDS)
    assert over["reason"] == "resumed"
    assert (stands["before"], stands["after"], stands["reason"]) == (None, None, "paused")
    for fact in (over, stands):
        assert notify.about("deadline.recomputed.v1", fact) is None
        assert not is_news("deadline.recomputed", fact)
    assert {f["type"] for f in told if f["clock"] != "S"} == {"deadline.started"}
    assert notify.about("deadline.started.v1", told[0]) is None


def test_it_waits_for_the_release_and_then_tells_what_was_decreed_again(
    back: Tower,  # noqa: F811
) -> None:
    assert tell(back) == []
    decree(back)

    release(back)

    [told] = [fact for fact in tell(back) if fact["clock"] == "D"]
    assert told["due_at"] == end_of("2026-12-13")


def test_a_release_that_follows_no_restore_says_nothing(tower: Tower) -> None:
    tower.open()
    release(tower)
    assert tell(tower) == []


def test_many_are_told_in_turns_each_once(tower: Tower) -> None:
    numbers = [f"KTB-23456-{n:05}" for n in range(2 * retelling.CASES_A_TURN + 1)]
    for number in numbers:
        tower.open(number)
    hold(tower)
    release(tower)
    last = tower.count("SELECT max(id) FROM outbox")
    told = f"SELECT count(*) FROM outbox WHERE type = 'deadline.started.v1' AND id > {last}"
    clocks = 2  # V and H

    for turn in (1, 2):
        assert tower.service.tell_again()
        assert tower.count(told) == clocks * turn * retelling.CASES_A_TURN
    assert not tower.service.tell_again()
    assert tower.count(told) == clocks * len(numbers)
    assert {len(tower.said("deadline.started", number=n)) for n in numbers} == {2 * clocks}
