"""Who picks the oldest wake-up while another process has just fired it picks the next one, not a
later wake-up of the same case before the turn of the others."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from services.escalation.watch import firing
from tests.harness.waiting import eventually
from tests.service.escalation.tower import Tower

FIRST, SECOND = "KTB-23456-00001", "KTB-23456-00002"
SLOW = "d.fired_at IS NULL AND (SELECT count(pg_sleep(0.5)) FROM (SELECT d.id) of_each) = 1"
ASLEEP = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = %s"


@pytest.fixture
def two_late(tower: Tower) -> Tower:
    """Two cases of one day: each was to be reminded of, and a day later each had passed."""
    for number in (FIRST, SECOND):
        tower.open(number)
    tower.at("2026-11-30 08:00")
    return tower


def picked(tower: Tower, question: str) -> list[str]:
    """Whom a process picks that looks long at each row."""
    asked = {"now": tower.clock.at, "passed_over": [], "work": "fire", "rest": timedelta(minutes=1)}
    asked |= firing.asked(tower.clock.at)
    with tower.db.begin() as tx:
        slow = question.replace("d.fired_at IS NULL", SLOW, 1)
        return list(tx.scalars(sa.text(slow), asked))


@pytest.mark.parametrize(
    ("locks", "number"), [("c, d", SECOND), ("c", FIRST)], ids=["as it is", "negative control"]
)
def test_what_was_fired_meanwhile_is_looked_at_again(
    two_late: Tower, locks: str, number: str
) -> None:
    assert "OF c, d" in firing.OLDEST.text
    question = firing.OLDEST.text.replace("OF c, d", f"OF {locks}")
    with ThreadPoolExecutor(1) as pool, two_late.db.begin() as tx:
        picking = pool.submit(picked, two_late, question)
        eventually(lambda: two_late.database.psql(ASLEEP, [two_late.database.name]), every=0.01)
        oldest = "UPDATE due SET fired_at = now() WHERE id = (SELECT id FROM due WHERE number = :n"
        oldest += " AND fired_at IS NULL ORDER BY due_at, id LIMIT 1)"
        tx.execute(sa.text(oldest), {"n": FIRST})
        tx.commit()
        assert picking.result(10) == [number]
