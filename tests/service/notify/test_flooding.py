"""Whoever sends reports under another's address fills no mailbox by it: what no officer's act
brought about is put off, and all else goes as ever."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from prometheus_client import REGISTRY

from deploy.local.environment import Surroundings
from services.notify import mailboxes, order
from tests.harness.programs import run_command
from tests.harness.waiting import eventually
from tests.service.notify.desk import CONTACT, NUMBER, RAISED, SEKDA, Desk, furnish

LIMIT = 20
FLOOD = [f"KTB-45678-{n:05}" for n in range(400)]
LATE = FLOOD[LIMIT]  # the first that has no room
HELD = "KTB-12345-67894"  # its digits check one another
BUDI = "budi.merpati@surel-uji.example"


@pytest.fixture
def desk(desk: Desk) -> Desk:
    """With a limit, as in production."""
    reopened(desk, mailbox_limit=LIMIT)
    return desk


def flood(desk: Desk, count: int, **contact: Any) -> None:
    """So many reports under one address; what has room for it is sent."""
    for number in FLOOD[:count]:
        desk.hear_contact(number, **contact)
    desk.send()


def waiting(desk: Desk) -> dict[str, datetime]:
    """What is put off, and until when."""
    rows = desk.database.psql(
        "SELECT number, next_at FROM message WHERE put_off AND state = 'due' AND attempts = 0"
        " AND next_at = not_before ORDER BY next_at"
    )
    return dict(rows)


def told(desk: Desk, number: str) -> list[str]:
    """What the reporter was told, in order."""
    rows = desk.database.psql(
        "SELECT data->>'about' FROM outbox WHERE type = 'message.delivered.v1' AND subject = %s"
        " ORDER BY id",
        [number],
    )
    return [about for (about,) in rows]


def mails_to(desk: Desk, address: str) -> int:
    return sum(recipients == [address] for recipients in desk.postbox.recipients)


def reopened(desk: Desk, **settings: Any) -> None:
    """Another process sends from here on."""
    desk.settings = replace(desk.settings, **settings)
    desk.outgoing = desk.with_keyring(desk.keyring)


def shown(desk: Desk, name: str) -> float:
    desk.notify.watch()
    return REGISTRY.get_sample_value(f"lapor_notify_{name}") or 0.0


def test_what_a_mailbox_has_no_room_for_goes_when_there_is_room(desk: Desk) -> None:
    flood(desk, LIMIT + 5)
    assert len(desk.postbox.mails) == LIMIT
    assert list(waiting(desk)) == FLOOD[LIMIT : LIMIT + 5]
    assert len(desk.tries()) == LIMIT

    desk.later(minutes=58)
    assert desk.send() == 0
    desk.later(minutes=20)
    assert desk.send() == 5

    assert len(set(desk.postbox.ids)) == len(desk.postbox.mails) == LIMIT + 5
    assert {n for n, _, _ in desk.tries()} == {1}
    assert len(desk.said("message.delivered.v1")) == len(desk.said()) == LIMIT + 5


def test_a_mail_that_was_put_off_has_the_date_on_which_it_goes(desk: Desk) -> None:
    flood(desk, LIMIT + 1)
    desk.later(hours=2)
    desk.send()

    first, last = desk.postbox.mails[0]["Date"].datetime, desk.postbox.mails[-1]["Date"].datetime
    assert timedelta(hours=1) <= last - first < timedelta(hours=1, minutes=4)


def test_a_flooded_mailbox_holds_up_no_other(desk: Desk) -> None:
    for number in FLOOD:
        desk.hear_contact(number)
    desk.hear_contact(NUMBER, email=BUDI)

    claimed = [c.message.number for _ in range(2) for c in desk.outgoing.claim(32)]

    assert NUMBER in claimed
    assert len(claimed) == LIMIT + 1
    assert len(waiting(desk)) == len(FLOOD) - LIMIT


def test_a_claim_that_came_to_nothing_takes_no_room(desk: Desk) -> None:
    """The database reads, and writes nothing: each look claims anew what waits."""
    desk.database.psql(
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE disk_full; END $$;"
        "CREATE TRIGGER full_disk BEFORE UPDATE ON message EXECUTE FUNCTION full_disk()"
    )
    desk.hear_contact(NUMBER)
    for _ in range(2 * LIMIT):
        with pytest.raises(sa.exc.OperationalError):
            desk.outgoing.claim(32)
    desk.database.psql("DROP TRIGGER full_disk ON message; DROP FUNCTION full_disk()")

    assert desk.send() == 1


def test_a_mail_that_went_does_not_tell_that_its_mailbox_had_no_room(desk: Desk) -> None:
    flood(desk, LIMIT + 3)
    desk.hear("deadline.passed.v1", FLOOD[0], clock="F", cycle=1)
    desk.send()
    desk.hear("deadline.kept.v1", FLOOD[0], clock="F", cycle=1)
    desk.later(hours=5)
    desk.send()

    told = desk.database.psql("SELECT DISTINCT put_off, not_before = written_at FROM message")
    assert told == [(False, True)]


def test_what_is_put_off_is_looked_at_once_until_its_time_has_come(desk: Desk) -> None:
    flood(desk, 3 * LIMIT)
    versions = "SELECT id::text, xmin::text FROM message ORDER BY id"
    untouched, moments = desk.database.psql(versions), waiting(desk)

    desk.later(minutes=59)
    assert desk.send() == 0
    assert desk.database.psql(versions) == untouched

    sent = list[int]()
    while left := waiting(desk):
        assert left.items() <= moments.items()
        desk.later(minutes=10)
        sent.append(desk.send())
    assert sum(sent) == 2 * LIMIT
    assert max(sum(sent[n : n + 6]) for n in range(len(sent))) <= LIMIT


@pytest.mark.parametrize("step", ["case.verified.v1", "case.answered.v1", "case.archived.v1"])
def test_an_officers_step_is_told_at_once_and_the_receipt_before_it(desk: Desk, step: str) -> None:
    flood(desk, LIMIT + 2)

    desk.hear(step, LATE)

    assert desk.send() == 2
    assert told(desk, LATE) == ["received", step.split(".")[1]]
    assert list(waiting(desk)) == [FLOOD[LIMIT + 1]]


def test_a_step_that_came_before_its_receipt_was_looked_at_takes_it_along(desk: Desk) -> None:
    flood(desk, LIMIT)
    desk.hear_contact(NUMBER)
    desk.hear("case.data_requested.v1")

    assert desk.send() == 2
    assert told(desk, NUMBER) == ["received", "data_requested"]


def test_of_several_steps_the_one_that_goes_first_takes_it_along(desk: Desk) -> None:
    flood(desk, LIMIT + 1)
    now = desk.clock.real()

    with desk.db.begin() as tx:  # as of a batch with an answer and a reminder for the morning
        mailboxes.let_through(tx, [(LATE, now), (LATE, now + timedelta(minutes=50))])

    assert desk.send() == 1


def test_a_step_that_comes_while_its_receipt_is_being_put_off_takes_it_along(desk: Desk) -> None:
    flood(desk, LIMIT)
    desk.hear_contact(NUMBER)
    blocked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'" \
              " AND datname = current_database()"  # fmt: skip

    with ThreadPoolExecutor(1) as pool:
        with desk.db.begin() as tx:
            now = desk.clock.real()
            due = order.due(tx, 8, now, (), patient=False)
            assert desk.outgoing._mailboxes.admit(tx, due, now) == []
            tx.flush()
            hearing = pool.submit(desk.hear, "case.verified.v1")
            eventually(lambda: desk.database.psql(blocked) == [(1,)])
        assert hearing.result() == "done"

    assert desk.send() == 2
    assert told(desk, NUMBER) == ["received", "verified"]


def test_what_a_stranger_does_to_a_report_waits_behind_its_receipt(desk: Desk) -> None:
    flood(desk, LIMIT + 2)
    desk.hear("case.withdrawn.v1", LATE)

    assert desk.send() == 0
    assert told(desk, LATE) == []
    desk.later(hours=2)
    desk.send()

    assert told(desk, LATE) == ["received", "withdrawn"]


def test_it_waits_behind_its_receipt_whichever_process_put_that_off(desk: Desk) -> None:
    other = desk.with_keyring(desk.keyring)
    desk.hear_contact(NUMBER, email=BUDI)
    [claim] = other.claim(8)
    other.send(claim)
    flood(desk, LIMIT + 1)

    desk.hear("case.withdrawn.v1", LATE)
    assert other.claim(8) == []
    desk.later(hours=2)
    desk.send()

    assert told(desk, LATE) == ["received", "withdrawn"]


def test_a_process_that_is_started_anew_knows_what_waits(desk: Desk) -> None:
    flood(desk, 3 * LIMIT)
    moments = waiting(desk)

    reopened(desk)
    desk.hear_contact(NUMBER)

    assert desk.send() == 0
    assert moments.items() < waiting(desk).items()
    assert waiting(desk)[NUMBER] > max(moments.values())


def test_an_address_is_one_mailbox_however_it_is_spelled(desk: Desk) -> None:
    name, _, domain = CONTACT["email"].partition("@")
    for n, number in enumerate(FLOOD[: LIMIT + 5]):
        spelled = (f"{name}+{n}@{domain}", f"{name.title()}@{domain}", f"{name}@{domain.upper()}")
        desk.hear_contact(number, email=spelled[n % 3])

    assert desk.send() == LIMIT


def test_a_server_that_is_away_takes_no_room(desk: Desk) -> None:
    desk.postbox.script.extend(["rcpt 451 4.3.0 later"] * LIMIT)
    flood(desk, LIMIT)

    desk.later(minutes=5)

    assert desk.send() == LIMIT
    assert mails_to(desk, CONTACT["email"]) == LIMIT


def test_posts_are_told_all_that_there_is(desk: Desk) -> None:
    furnish(desk)
    for n, number in enumerate(FLOOD[: LIMIT + 5]):
        desk.hear_contact(number, email=f"{n}@surel-uji.example")
        desk.hear("escalation.raised.v1", number, **RAISED)
    desk.send()

    assert mails_to(desk, SEKDA) == LIMIT + 5


def test_what_clocks_say_of_a_stranger_s_reports_is_put_off_too(desk: Desk) -> None:
    flood(desk, LIMIT)

    desk.hear("deadline.passed.v1", FLOOD[0], clock="V", cycle=1)
    desk.hear("deadline.recomputed.v1", FLOOD[1], clock="V", cycle=1, reason="calendar")

    assert desk.send() == 0
    assert list(waiting(desk)) == FLOOD[:2]


@pytest.mark.parametrize(
    ("news", "then"),
    [("deadline.kept.v1", "overtaken"), ("deadline.recomputed.v1", "due")],  # moved, and is told
)
def test_what_is_put_off_can_be_overtaken(desk: Desk, news: str, then: str) -> None:
    flood(desk, LIMIT)
    desk.hear("deadline.passed.v1", FLOOD[0], clock="F", cycle=1)
    desk.send()

    desk.hear(news, FLOOD[0], clock="F", cycle=1)

    assert [state for about, state, _ in desk.states() if about.startswith("deadline")] == [
        "overtaken", then,
    ]  # fmt: skip


def test_what_waits_for_room_is_not_stuck_until_its_time_has_come(desk: Desk) -> None:
    flood(desk, 2 * LIMIT)
    assert (shown(desk, "put_off"), shown(desk, "unsent")) == (LIMIT, 0)
    assert shown(desk, "put_off_seconds") in {3600, 2 * 3600}
    assert shown(desk, "oldest_unsent_seconds") == 0

    desk.later(hours=5)
    assert (shown(desk, "put_off"), shown(desk, "unsent")) == (0, LIMIT)
    assert shown(desk, "oldest_unsent_seconds") > 2 * 3600


def test_a_long_wait_for_room_is_no_wrong_clock(desk: Desk) -> None:
    flood(desk, LIMIT + 1)
    days = "now() + interval '9 days'"
    desk.database.psql(f"UPDATE message SET next_at = {days}, not_before = {days} WHERE put_off")

    assert (shown(desk, "put_off"), shown(desk, "unsent")) == (0, 0)  # told in tens
    assert shown(desk, "put_off_seconds") in {hours * 3600 for hours in (9 * 24 - 1, 9 * 24)}
    assert shown(desk, "oldest_unsent_seconds") == 0


def test_nobody_is_woken_by_what_was_put_off(desk: Desk) -> None:
    local = datetime.now(UTC) + timedelta(hours=8)
    evening = local.replace(hour=20, minute=30, second=0, microsecond=0) + timedelta(days=1)
    desk.clock.moved = evening - local
    reopened(desk, quiet_hours="21-06")
    flood(desk, LIMIT + 5)

    desk.later(hours=9, minutes=29)
    assert desk.send() == 0
    desk.later(minutes=30)
    assert desk.send() == 5


def test_the_limit_can_be_switched_off(desk: Desk) -> None:
    reopened(desk, mailbox_limit=0)
    flood(desk, LIMIT + 5)

    assert len(desk.postbox.mails) == LIMIT + 5


def test_what_was_erased_waits_for_no_room(desk: Desk, surroundings: Surroundings) -> None:
    flood(desk, LIMIT)
    desk.hear_contact(HELD)
    assert desk.send() == 0
    environment = surroundings.environment("notify", DATABASE_URL=desk.database.url)
    run_command("notify", "erase", HELD, env=environment).check_returncode()

    desk.send()

    assert (desk.said()[-1]["reason"], waiting(desk)) == ("no_address", {})
