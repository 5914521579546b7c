"""What is about one address has four hours, what an operator must mend has days; and a mail server
that is away is asked by one message now and then."""

from datetime import UTC, datetime, timedelta

from services.notify import pace
from services.notify.pace import LAST_QUESTION, PATIENCE, Outage

AT = datetime(2026, 12, 7, 15, 59, 59, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def test_what_is_not_taken_is_tried_every_five_minutes_for_four_hours_and_then_given_up() -> None:
    tries = [pace.after_refusal(n, AT) for n in range(1, 50)]

    assert tries[:48] == [AT + 5 * MINUTE] * 48
    assert tries[48] is None


def test_what_the_server_takes_from_nobody_is_tried_on_once_an_hour() -> None:
    assert pace.after_refusal(48, AT, of_all=True) == AT + 5 * MINUTE
    assert pace.after_refusal(49, AT, of_all=True) == AT + 60 * MINUTE


def test_what_is_never_answered_goes_three_times() -> None:
    again = [pace.after_silence(n, AT) for n in (1, 2, 3)]

    assert again == [AT + 5 * MINUTE, AT + 60 * MINUTE, None]


def test_what_is_to_be_mended_is_tried_more_and_more_slowly_for_five_days() -> None:
    at, waits = AT, []
    while again := pace.after_hindrance(len(waits) + 1, at, AT):
        waits.append((again - at) / MINUTE)
        at = again

    assert waits[:6] == [5, 10, 20, 40, 60, 60]
    assert PATIENCE < at - AT <= PATIENCE + 60 * MINUTE


def test_what_we_left_lying_for_days_has_four_hours_all_the_same() -> None:
    since, at, tries = AT - 30 * PATIENCE, AT, 1
    while again := pace.after_hindrance(tries, at, since):
        at, tries = again, tries + 1

    assert timedelta(hours=4) < at - AT < timedelta(hours=5)


def test_while_the_server_is_there_all_may_go() -> None:
    outage = Outage()
    for told in (outage.asks, outage.not_met):
        told(AT)

    assert outage.room(32, AT) == 32


def test_one_asks_a_server_that_is_away_after_longer_and_longer_pauses() -> None:
    outage, at, pauses = Outage(), AT, list[float]()
    outage.met(at)
    for _ in range(9):
        since = at
        while not outage.room(32, at):
            at += SECOND
        assert outage.room(32, at) == 1
        outage.asks(at)
        assert outage.room(32, at) == 0  # nobody beside the one that asks
        outage.met(at)
        pauses.append((at - since) / SECOND)

    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    outage.over()
    assert outage.room(32, at) == 32


def test_tries_that_had_begun_together_are_one_finding() -> None:
    outage = Outage()
    for _ in range(8):
        outage.met(AT)

    assert outage.room(32, AT + 5 * SECOND) == 1


def test_who_had_not_come_to_the_server_lets_the_next_ask_at_once() -> None:
    outage = Outage()
    outage.met(AT)
    outage.not_met(AT)  # had begun before
    assert outage.room(32, AT) == 0

    outage.asks(AT + 5 * SECOND)
    outage.not_met(AT + 6 * SECOND)

    assert outage.room(32, AT + 6 * SECOND) == 1


def test_one_that_never_comes_back_and_a_clock_that_was_wrong_keep_nobody_for_long() -> None:
    outage = Outage()
    outage.met(AT)
    outage.asks(AT)

    assert outage.room(32, AT + LAST_QUESTION) == 1
    assert outage.room(32, AT - PATIENCE) == 1
