"""What is so old that receivers forgot that they had it is not sent again: it would be parked as
another fact, and a person who wants it would have everything done twice."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from chassis import outbox
from chassis.clock import Clock
from chassis.events import Fact, read
from chassis.inbox import KEPT_DAYS, TAKEN, trim
from tests.service.chassis.stories import command, hear, inbox, report, timeline, way

STEPS = ["case.opened", "case.verified", "case.disposed", "case.followed_up"]
UNSENT = sa.text(
    "UPDATE outbox SET published_at = now() WHERE published_at IS NULL RETURNING event_id::text"
    " AS id, source, type, subject, sequence, correlationid, time, data"
)


def say(service, *documents):
    with service.db.begin() as tx:
        for one in documents:
            outbox.emit(tx, Fact(one["type"], one["subject"], one["data"], Clock().now()))


def carry(service):
    """Takes what is not published to the inbox, as relay and broker would; what became of it."""
    with service.db.begin() as tx:
        said = sorted(tx.execute(UNSENT).mappings(), key=lambda row: row["sequence"])
    return hear(service, *(read(row).document() for row in said))


def age(db, days, which="true"):
    """What was said and heard is so many days older."""
    for table, column in (("outbox", "emitted_at"), ("inbox", "received_at")):
        older = f"{column} - make_interval(days => %s)"
        db.psql(f"UPDATE {table} SET {column} = {older} WHERE {which}", [days])


def forget(service):
    """As receivers do every hour; how many events they have forgotten."""
    with service.db.begin() as tx:
        return trim(tx)


def replay(service, since):
    with service.db.begin() as tx:
        sent = outbox.replay(tx, since)
    return sent.again, sent.old


@pytest.fixture
def heard(db, intake):
    """Four events that were said, and had their effect."""
    say(intake, *way(report(db)))
    assert carry(intake) == ["done"] * 4


def test_a_replay_sends_nothing_that_receivers_have_forgotten(db, intake, heard):
    age(db, KEPT_DAYS + 1)
    assert forget(intake) == 4

    assert replay(intake, Clock().now() - timedelta(days=KEPT_DAYS + 2)) == (0, 4)

    assert carry(intake) == []
    assert (timeline(db), inbox(db)) == (STEPS, [])


def test_what_is_sent_again_is_known_and_what_is_left_out_is_told(db, intake, heard, surroundings):
    age(db, KEPT_DAYS + 1, "sequence <= 2")
    age(db, outbox.KEPT_DAYS - 1, "sequence > 2")
    assert forget(intake) == 2

    told = command(db, surroundings, "replay", "--since", "2020-01-01T00:00:00Z")

    assert told.startswith("2 events will be sent again\n2 left out: history before 20")
    assert carry(intake) == ["known"] * 2
    assert (timeline(db), inbox(db)) == (STEPS, [])


def test_within_a_month_nothing_is_left_out(db, intake, heard):
    assert replay(intake, Clock().now() - timedelta(days=outbox.KEPT_DAYS - 1)) == (4, 0)
    assert carry(intake) == ["known"] * 4


def test_what_is_sent_again_all_the_same_is_parked(db, intake, heard):
    """The negative control, and why a person must not want what is that old."""
    age(db, KEPT_DAYS + 1)
    forget(intake)
    db.psql("UPDATE outbox SET published_at = NULL")

    assert carry(intake) == ["parked"] * 4
    assert {reason for _, reason, _ in inbox(db)} == {TAKEN}
