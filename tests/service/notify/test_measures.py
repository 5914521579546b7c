"""What notify measures is what its rows say, whoever wrote them and under which clock."""

from __future__ import annotations

import sqlalchemy as sa
from prometheus_client import REGISTRY

from services.notify import order, service
from services.notify.domain import About
from tests.service.notify.desk import NUMBER, RAISED, Desk, furnish, known
from tests.service.notify.test_bounces import report, told

OTHER = "KTB-98765-43210"
YEAR = "interval '1 year'"


def shown(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"lapor_notify_{name}", labels)


def settled(desk: Desk, to: str, outcome: str) -> tuple[float | None, float | None]:
    """How many within one hour and within six."""
    desk.notify.count_settled()
    within = [shown("settled", to=to, outcome=outcome, hours=hours) for hours in ("1", "6")]
    return within[0], within[1]


def test_every_news_and_outcome_is_there_before_it_is_counted() -> None:
    for about in About:
        for outcome in ("delivered", "rejected", "expired", "no_address", "overtaken"):
            assert shown("messages_total", about=about, outcome=outcome) is not None


def test_what_was_settled_counts_for_its_hours(desk: Desk) -> None:
    assert settled(desk, "reporter", "delivered") == (0, 0)
    desk.hear_contact()
    desk.hear("case.opened.v1")
    desk.postbox.script.append("rcpt 554 5.7.1 not from you")
    desk.send()

    assert settled(desk, "reporter", "rejected") == (1, 1)
    desk.later(hours=2)
    assert settled(desk, "reporter", "rejected") == (0, 1)
    desk.later(hours=5)
    assert settled(desk, "reporter", "rejected") == (0, 0)


def test_who_could_not_be_reached_counts_once_however_much_was_refused(desk: Desk) -> None:
    for number in (NUMBER, OTHER):
        desk.hear_contact(number)
        desk.hear("case.opened.v1", number)
    desk.postbox.script += ["rcpt 550 5.1.1 nobody of that name"] * 2
    desk.send()
    desk.hear("case.verified.v1")
    desk.postbox.script.append("rcpt 550 5.1.1 nobody of that name")
    desk.send()

    assert settled(desk, "reporter", "rejected") == (3, 3)
    assert shown("unreached") == 2
    desk.later(hours=7)
    desk.notify.count_settled()
    assert shown("unreached") == 0


def test_what_came_back_counts_as_failed_though_another_process_noted_it(desk: Desk) -> None:
    desk.hear_contact()
    desk.hear("case.opened.v1")
    desk.send()
    assert settled(desk, "reporter", "delivered") == (1, 1)

    assert told(desk, report(desk.postbox.mails[-1])) == 1

    assert settled(desk, "reporter", "delivered") == (0, 0)
    assert settled(desk, "reporter", "rejected") == (1, 1)


def test_a_post_without_an_address_is_counted_apart(desk: Desk) -> None:
    desk.hear_contact()
    desk.hear("case.opened.v1")
    desk.hear("escalation.raised.v1", **RAISED)

    assert settled(desk, "post", "no_address") == (1, 1)
    assert settled(desk, "reporter", "no_address") == (0, 0)


def test_what_is_due_in_a_year_is_stuck(desk: Desk) -> None:
    desk.hear_contact()
    desk.hear("case.opened.v1")
    desk.notify.watch()
    assert (shown("unsent"), shown("oldest_unsent_seconds") < 60) == (1, True)  # type: ignore[operator]

    desk.database.psql(f"UPDATE message SET next_at = now() + {YEAR}, not_before = now() + {YEAR}")
    desk.notify.watch()

    assert shown("unsent") == 1
    assert shown("oldest_unsent_seconds") > 360 * 24 * 3600  # type: ignore[operator]


def stuck(desk: Desk) -> tuple[float | None, float | None]:
    """How many have waited too long, and whether others are delivered to meanwhile."""
    desk.later(minutes=16)
    desk.notify.watch()
    return shown("stuck"), shown("delivering")


def test_one_mailbox_that_takes_nothing_is_not_a_mail_server_that_is_away(desk: Desk) -> None:
    desk.hear_contact()
    desk.hear("case.opened.v1")
    desk.hear("case.verified.v1")
    desk.postbox.script.append("rcpt 450 4.1.2 domain not found")
    desk.send()
    desk.hear_contact(OTHER)
    desk.send()

    assert stuck(desk) == (1, 1)
    assert shown("oldest_unsent_seconds") > 900  # type: ignore[operator]


def test_a_mail_server_that_is_away_is_not_one_mailbox(desk: Desk) -> None:
    desk.hear_contact(OTHER)
    desk.send()
    desk.later(seconds=1)
    desk.notify.watch()
    assert (shown("stuck"), shown("delivering")) == (0, 1)
    desk.hear_contact()
    desk.postbox.script += ["rcpt 451 4.3.0 later"] * 9
    desk.send()

    assert stuck(desk) == (1, 0)


def test_what_nobody_tries_is_stuck_though_others_are_delivered_to(desk: Desk) -> None:
    desk.hear_contact()
    desk.database.psql("UPDATE message SET next_at = now() + interval '9 hours' RETURNING 1")
    desk.hear_contact(OTHER)
    desk.send()

    assert stuck(desk) == (1, 0)


def test_a_post_and_a_reporter_are_two(desk: Desk) -> None:
    furnish(desk)
    known(desk)
    desk.hear("escalation.raised.v1", **RAISED)
    desk.postbox.script += ["rcpt 451 4.3.0 later"] * 2
    desk.send()

    assert stuck(desk) == (2, 0)


def test_the_last_hours_are_not_searched_in_all_that_was_ever_settled(desk: Desk) -> None:
    desk.database.psql("""
        SET session_replication_role = replica;
        INSERT INTO message (id, number, about, cause, facts, correlationid, state, not_before,
                             written_at, settled_at)
        SELECT gen_random_uuid(), 'KTB-' || n, 'closed', gen_random_uuid(), '{}', 'x',
            'delivered', at, at, at
        FROM generate_series(1, 20000) n, (SELECT now() - interval '9 days' AS at) past;
        ANALYZE message
    """)
    for asked in (service._SETTLED, service._UNREACHED):
        with desk.db.begin() as tx:
            found = tx.scalars(sa.text(f"EXPLAIN {asked.text}"), {"now": desk.clock.real()})
            plan = "\n".join(found)

        assert "Seq Scan on message" not in plan


def test_what_is_asked_all_day_is_answered_by_the_index_of_what_is_due(desk: Desk) -> None:
    with desk.db.begin() as tx:
        connection = tx.connection()
        connection.exec_driver_sql(order._ANY._prepare)
        asked = f"EXPLAIN {order._ANY._execute}"
        plan = connection.exec_driver_sql(asked, {"now": desk.clock.real()}).scalars().all()

    assert "using message_next" in "".join(plan)
