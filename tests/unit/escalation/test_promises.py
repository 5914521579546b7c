"""What may be promised follows from the one engine; a calendar is as long as its years."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.escalation.domain import NoLimit, Rule
from services.escalation.rules.almanac import calendar
from services.escalation.rules.promises import promises
from services.escalation.watch.workdays import Calendar, CalendarGap, Decreed, Limit, Unit

WITA = ZoneInfo("Asia/Makassar")
LONG_AGO = date(2018, 1, 1)
CHRISTMAS = {
    date(2026, 12, 24): Decreed("Cuti Bersama", "SKB"),
    date(2026, 12, 25): Decreed("", ""),
}
PLAIN = Calendar(WITA, CHRISTMAS, LONG_AGO, date(2027, 12, 31), date(2027, 12, 31))


def rules(*limits: tuple[str, str | None, str | None, int]) -> list[Rule]:
    return [
        Rule(n, clock, kind, klass, Limit(days, Unit.WORKING), LONG_AGO, "decree")
        for n, (clock, kind, klass, days) in enumerate(limits)
    ]


RULES = rules(
    ("V", None, None, 3),
    ("F", None, None, 5),
    ("S", "complaint", "ordinary", 14),
    ("S", "complaint", "supervisory", 60),
    ("S", "aspiration", None, 14),
    ("S", "information_request", None, 5),
)


def test_each_step_is_promised_as_if_the_one_before_took_all_its_time() -> None:
    [promise] = promises(PLAIN, RULES, date(2026, 12, 18), days=1)  # a Friday

    assert promise.verify_by == date(2026, 12, 23)
    assert promise.follow_up_by == date(2027, 1, 1)
    assert promise.settle_by == {
        "complaint": date(2027, 1, 14),
        "aspiration": date(2027, 1, 14),
        "information_request": date(2027, 1, 1),
    }


def test_promises_are_made_for_every_day_and_never_get_earlier() -> None:
    made = promises(PLAIN, RULES, date(2026, 11, 2))

    assert [p.received_on for p in made] == [
        date(2026, 11, 2) + timedelta(days=n) for n in range(120)
    ]
    assert [p.verify_by for p in made] == sorted(p.verify_by for p in made)


def test_without_a_limit_nothing_is_promised() -> None:
    with pytest.raises(NoLimit):
        promises(PLAIN, rules(("V", None, None, 3)), date(2026, 11, 2))


def test_beyond_the_calendar_nothing_is_promised() -> None:
    with pytest.raises(CalendarGap):
        promises(PLAIN, RULES, date(2027, 11, 1))


@pytest.mark.parametrize(
    ("decrees", "holds", "decreed_until"),
    [
        ({2026: "a", 2027: "b", 2028: None}, ("2026-01-01", "2028-12-31"), "2027-12-31"),
        ({2026: "a", 2028: "c"}, ("2026-01-01", "2026-12-31"), "2026-12-31"),
        ({2026: "a", 2027: None, 2028: "c"}, ("2026-01-01", "2028-12-31"), "2026-12-31"),
        ({2026: None}, ("2026-01-01", "2026-12-31"), "0001-01-01"),
        ({}, ("0001-01-01", "0001-01-01"), "0001-01-01"),
    ],
)
def test_a_calendar_ends_at_its_first_gap(decrees, holds, decreed_until) -> None:
    made = calendar(WITA, decrees, {})

    assert (made.holds_from.isoformat(), made.holds_until.isoformat()) == holds
    assert made.decreed_until.isoformat() == decreed_until
