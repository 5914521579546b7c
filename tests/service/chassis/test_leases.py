"""Who takes a waiting event has it for thirty seconds: who stood still for longer does nothing."""

from contextlib import contextmanager

import pytest

from chassis.clock import Clock
from chassis.database import Transactions, engine
from chassis.events import EPOCH
from chassis.inbox import LEASE
from services.intake.service import Intake
from tests.service.chassis.stories import hear, inbox, report, timeline, way


class StandingStill(Transactions):
    """After its next transaction the process stands still, while `others` work."""

    others = None

    @contextmanager
    def begin(self):
        with super().begin() as tx:
            yield tx
        others, self.others = self.others, None
        if others:
            others()


@pytest.fixture
def slow(db, intake):
    """A worker that stands still."""
    service = Intake()
    service.db, service.clock = StandingStill(intake.db.engine), intake.clock
    return service


@pytest.fixture
def later(db, intake, tmp_path):
    """Another worker of the same service, after the first one's lease has ended."""
    offset = tmp_path / "offset"
    offset.write_text(str(LEASE.total_seconds() + 1))
    service, bind = Intake(), engine(db.url, 2)
    service.db, service.clock = Transactions(bind), Clock(offset)
    yield service
    bind.dispose()


def taken(db, intake):
    """A fact under a number that another fact had, and that a person wants."""
    number = report(db)
    assert hear(intake, *way(number)[:2]) == ["done"] * 2
    assert hear(intake, way(number)[1]) == ["parked"]
    db.psql("UPDATE inbox SET state = 'waiting', attempts = 0, next_try_at = now()"
            " WHERE state = 'parked'")  # fmt: skip


def overtaken(db, intake):
    """A fact that waited while its sender began a new epoch."""
    first, second, third, _ = way(report(db))
    db.psql("ALTER TABLE timeline_entry ADD CONSTRAINT never CHECK (what <> 'case.verified')")
    assert hear(intake, first, second, third | {"sequence": 7 * EPOCH + 1}) == [
        "done", "waiting", "done",
    ]  # fmt: skip
    db.psql("ALTER TABLE timeline_entry DROP CONSTRAINT never")
    db.psql("UPDATE inbox SET next_try_at = now() WHERE state = 'waiting'")


@pytest.mark.parametrize("waiting", [taken, overtaken])
def test_what_another_had_meanwhile_has_no_second_effect(db, intake, slow, later, waiting):
    waiting(db, intake)
    before = timeline(db)
    slow.db.others = later.inbox.retry_due

    assert slow.inbox.retry_due()

    assert timeline(db) == [*before, "case.verified"]
    assert inbox(db) == []


def test_what_another_could_not_do_meanwhile_is_done(db, intake, slow, later):
    taken(db, intake)
    before = timeline(db)

    def fail():
        db.psql("ALTER TABLE timeline_entry ADD CONSTRAINT never CHECK (id = 0) NOT VALID")
        assert later.inbox.retry_due()
        db.psql("ALTER TABLE timeline_entry DROP CONSTRAINT never")

    slow.db.others = fail
    assert slow.inbox.retry_due()

    assert timeline(db) == [*before, "case.verified"]
    assert inbox(db) == []
