"""After escalation's database was restored nothing fires until a person has entered again what was
decreed since the backup: a day that a reporter was told is not taken back by what was lost."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from chassis.errors import NotAllowed
from services.escalation.models import Breaker
from services.escalation.watch import breaker
from tests.harness.dumps import dump
from tests.service.escalation.test_breaker import gauge, refusal, release
from tests.service.escalation.test_feed_epochs import go_unnoticed, open_epoch, restored
from tests.service.escalation.test_offers import expire, offers
from tests.service.escalation.tower import Tower

OTHER = "KTB-34567-00001"
FORTY_DAYS = (
    "INSERT INTO limit_rule (clock, days, unit, effective_from, decree)"
    " VALUES ('D', 40, 'calendar', '2026-11-01', 'Perbup 72/2026')"
)
LONGER, ITS_NEXT_DAY = "2026-12-13", "2026-12-14"  # of a question asked on 3 November
PASSED = {"passed D"}


def decree(tower: Tower) -> None:
    """The reporter has forty days and not thirty: of what runs too."""
    tower.database.psql(FORTY_DAYS)
    tower.measure_stale()


def go_back(tower: Tower, file: Path) -> None:
    """A question to the reporter, a backup, a decree that gives more days for it, which is told;
    and the database is brought back to the backup."""
    tower.open()
    tower.at("2026-11-03 10:00").hear("case.data_requested.v1", awaited_from="unverified")
    dump(tower.database.owner_url, file)
    tower.at("2026-11-04 10:00")
    decree(tower)
    assert tower.clocks()["D1"] == LONGER
    restored(tower, file)
    assert tower.clocks()["D1"] == "2026-12-03"


def hold(tower: Tower) -> None:
    """As `open-epoch` does."""
    open_epoch(tower)
    with tower.db.begin() as tx:
        breaker.hold(tx, tower.clock.now())


@pytest.fixture
def back(tower: Tower, tmp_path: Path) -> Tower:
    go_back(tower, tmp_path / "dump")
    hold(tower.at("2026-11-05 10:00"))
    return tower


def test_nothing_fires_until_a_person_has_entered_again_what_was_decreed(back: Tower) -> None:
    back.at("2026-12-05 00:00:05").sweep()
    assert (back.fired(), refusal(back), gauge("restored")) == ([], "restored", 1)

    decree(back.at("2026-12-05 10:00"))
    release(back)
    back.at("2026-12-06 00:00:05").sweep()
    assert refusal(back) is None
    assert not PASSED & {*back.fired()}
    assert back.clocks()["D1"] == LONGER

    back.at(f"{ITS_NEXT_DAY} 00:00:05").sweep()
    back.sweep()
    assert [each for each in back.fired() if each in PASSED] == ["passed D"]


def test_without_that_a_day_that_was_told_is_taken_back(tower: Tower, tmp_path: Path) -> None:
    """The negative control."""
    go_back(tower, tmp_path / "dump")
    go_unnoticed(tower)

    tower.at("2026-12-05 00:00:05").sweep()

    assert {*tower.fired()} >= PASSED


def test_who_releases_before_all_is_measured_again_fires_nothing_that_was_moved(
    back: Tower,
) -> None:
    back.at("2026-12-05 10:00").database.psql(FORTY_DAYS)
    release(back)

    back.sweep()

    assert not PASSED & {*back.fired()}
    assert back.clocks()["D1"] == LONGER


def test_news_is_heard_and_measured_meanwhile_and_all_fires_once_and_in_order(back: Tower) -> None:
    back.at("2026-11-05 11:00").open(OTHER)
    back.dispose(OTHER)
    back.at("2026-11-20 10:00").hear("case.resumed.v1", status="unverified", cycle=1)
    assert back.clocks(OTHER) == {"V1": "stopped", "H1": "2027-01-04", "F1": "2026-11-12",
                                  "S1": "2026-11-25"}  # fmt: skip
    assert back.clocks()["D1"] == "stopped"
    back.at("2026-12-05 00:00:05").sweep()
    assert back.order() == []

    release(back)
    back.sweep()

    fired = back.fired(OTHER)
    assert {"passed F", "passed S"} <= {*fired}
    assert back.order() == sorted(back.order())
    back.sweep()
    assert back.fired(OTHER) == fired
    assert len({*fired}) == len(fired)


def test_it_waits_too_while_nobody_has_said_that_it_was_restored(
    tower: Tower, tmp_path: Path
) -> None:
    """A worker that was started too early; and who releases then has not looked."""
    go_back(tower, tmp_path / "dump")

    tower.at("2026-12-05 00:00:05").sweep()
    assert (tower.fired(), refusal(tower)) == ([], "restored")
    with pytest.raises(NotAllowed, match="open-epoch first"):
        release(tower)

    hold(tower)
    tower.sweep()
    assert tower.fired() == []
    release(tower)
    tower.sweep()
    assert {*tower.fired()} >= PASSED


@pytest.mark.parametrize("reason", ["mass_firing", "clock_jump"])
def test_another_refusal_does_not_end_it(back: Tower, reason: str) -> None:
    back.database.psql("UPDATE breaker SET reason = %s", [reason])

    back.at("2026-12-05 00:00:05").sweep()
    back.sweep()

    assert (refusal(back), back.fired()) == ("restored", [])


def test_a_worker_of_the_version_before_cannot_take_it_back(back: Tower) -> None:
    """It finds no reason to refuse, writes that down before it fires, and fails."""

    def look_as_before() -> None:
        with back.db.begin() as tx:
            row = tx.get_one(Breaker, 1)
            row.reason = row.refused_at = row.due_now = None

    with pytest.raises(IntegrityError, match="restored_is_refused"):
        look_as_before()
    release(back)
    look_as_before()


def test_offers_do_not_expire_meanwhile(tower: Tower, tmp_path: Path) -> None:
    file = tmp_path / "dump"
    tower.begin_work()
    tower.at("2026-11-21 00:00:05").sweep()
    tower.at("2026-11-23 10:00").hear("case.archived.v1", reason="incomplete")
    dump(tower.database.owner_url, file)
    restored(tower, file)
    tower.at("2026-12-23 10:00:01")

    for step in _until_released(tower):
        step()
        expire(tower)
        assert len(offers(tower)) == 1
    release(tower)
    expire(tower)
    assert [offer.split()[0] for offer in offers(tower)] == ["offered", "offer_taken_back"]


def _until_released(tower: Tower) -> tuple[Callable[[], object], ...]:
    return (lambda: None, lambda: hold(tower), tower.sweep)
