"""A service whose database was restored numbers anew: what it says is taken, in order, and what
it had said in the lost time keeps its numbers for itself."""

import json

from chassis import outbox
from chassis.events import EPOCH, Fact
from chassis.inbox import ANYBODY
from tests.service.chassis.stories import command, hear, inbox, report, timeline, way


def say(service, subject, times=1):
    with service.db.begin() as tx:
        for _ in range(times):
            at = service.clock.now()
            outbox.emit(tx, Fact("report.accepted.v1", subject, {"at": "2026-11-23T02:00:00Z"}, at))


def numbers(db, subject):
    asked = "SELECT sequence FROM outbox WHERE subject = %s ORDER BY id"
    return [number for (number,) in db.psql(asked, [subject])]


def anew(db, surroundings):
    """Where the epoch begins that the command opened."""
    assert "numbered anew" in command(db, surroundings, "number-anew")
    return db.psql("SELECT began FROM epoch")[0][0]


OLD, NEW = "KTB-10000-00000", "KTB-20000-00000"


def test_each_stream_goes_on_in_the_new_epoch_when_it_next_speaks(db, intake, surroundings):
    say(intake, OLD, 3)
    began = anew(db, surroundings)
    say(intake, OLD, 2)
    say(intake, OLD)
    say(intake, NEW, 2)

    assert began % EPOCH == 0 < began
    assert numbers(db, OLD) == [1, 2, 3, began + 1, began + 2, began + 3]
    assert numbers(db, NEW) == [began + 1, began + 2]


def test_no_epoch_is_opened_twice(db, surroundings):
    assert anew(db, surroundings) < anew(db, surroundings)


def told(db, began, at=1):
    """The way of a case whose events from the `at`th on are the first ones of an epoch."""
    events = way(report(db))
    for n, one in enumerate(events[at:], 1):
        one["sequence"] = began + n
    return events


BEGAN = 7 * EPOCH
STEPS = ["case.opened", "case.verified", "case.disposed", "case.followed_up"]


def test_the_first_of_an_epoch_is_the_next_and_the_others_follow_it(db, intake):
    events = told(db, BEGAN)
    assert hear(intake, *events) == ["done"] * 4
    assert timeline(db) == STEPS


def test_so_it_is_when_they_come_together(db, intake):
    events = told(db, BEGAN)
    intake.inbox.receive_all([(json.dumps(one).encode(), ANYBODY) for one in events])
    assert timeline(db) == STEPS
    assert inbox(db) == []


def test_within_an_epoch_a_gap_is_waited_for(db, intake):
    first, second, third, fourth = told(db, BEGAN)
    assert hear(intake, first, third, fourth) == ["done", "waiting", "waiting"]
    assert timeline(db) == STEPS[:1]

    assert hear(intake, second) == ["done"]
    while intake.inbox.retry_due():
        pass
    assert timeline(db) == STEPS


def test_who_waits_behind_the_first_of_an_epoch_is_not_given_up(db, intake):
    first, second, third, _ = told(db, BEGAN)
    db.psql("ALTER TABLE timeline_entry ADD CONSTRAINT never CHECK (what <> 'case.verified')")
    assert hear(intake, first, second, third) == ["done", "waiting", "waiting"]
    db.psql("UPDATE inbox SET received_at = now() - interval '1 h', next_try_at = now()"
            " WHERE reason = 'gap'")  # fmt: skip
    assert intake.inbox.retry_due()
    assert {reason: state for state, reason, _ in inbox(db)}["gap"] == "waiting"

    db.psql("ALTER TABLE timeline_entry DROP CONSTRAINT never")
    db.psql("UPDATE inbox SET next_try_at = now() WHERE state = 'waiting'")
    while intake.inbox.retry_due():
        pass
    assert timeline(db) == STEPS[:3]


def test_what_waited_while_its_sender_began_anew_has_its_effect_late(db, intake):
    """It would be taken for overtaken, and lost without a word."""
    first, second, third, _ = told(db, BEGAN, at=2)
    db.psql("ALTER TABLE timeline_entry ADD CONSTRAINT never CHECK (what <> 'case.verified')")
    assert hear(intake, first, second, third) == ["done", "waiting", "done"]

    db.psql("ALTER TABLE timeline_entry DROP CONSTRAINT never")
    db.psql("UPDATE inbox SET next_try_at = now() - interval '1 s' WHERE state = 'waiting'")
    assert intake.inbox.retry_due()

    assert timeline(db) == [STEPS[0], STEPS[2], STEPS[1]]
    assert inbox(db) == []


def test_without_a_new_epoch_other_facts_under_old_numbers_are_parked(db, intake):
    """The negative control."""
    events = way(number := report(db))
    assert hear(intake, *events) == ["done"] * 4
    again = way(number)[1:3]
    assert hear(intake, *again) == ["parked"] * 2
    assert {reason for _, reason, _ in inbox(db)} == {"number taken"}
