"""What the law asks before a hand-over, told exactly: to the day, with its basis, in two
languages."""

from datetime import date

import pytest

from services.intake.admission import (
    Name,
    Rule,
    Standing,
    admissible_until,
    findings,
    in_force,
    last_day,
)
from services.intake.domain import ACTIONS, Action, Status
from services.routing.life import OPEN

LAW = date(2008, 10, 7)
RULES = in_force(
    [
        Rule(Name.EVENT_AGE, LAW, "UU 37/2008 Pasal 24 ayat (3)", 2),
        Rule(Name.AGENCY_ASKED, LAW, "UU 37/2008 Pasal 24 ayat (1) huruf c", None),
        Rule(Name.IDENTITY, LAW, "UU 37/2008 Pasal 24 ayat (1) huruf a", None),
        Rule(Name.NOT_OVER, LAW, "practice", None),
        Rule(Name.CONSENT, LAW, "UU 27/2022 Pasal 20", None),
    ],
    date(2026, 11, 24),
)
EVENT = date(2025, 3, 10)


def standing(**other):
    known = {
        "event_date": EVENT,
        "status": Status.IN_PROGRESS,
        "too_late": False,
        "limits": [(date(2027, 1, 1), False)],
        "consented": False,
        "with_form": False,
        "handed_over": False,
    }
    return Standing(**known | other)


def found(today=date(2026, 11, 24), rules=RULES, **other):
    return {finding.rule: finding for finding in findings(standing(**other), rules, today)}


@pytest.mark.parametrize(
    ("event", "years", "last"),
    [
        ("2024-11-24", 2, "2026-11-24"),  # the anniversary itself is not past
        ("2024-12-31", 2, "2026-12-31"),
        ("2025-01-01", 2, "2027-01-01"),
        ("2024-02-28", 2, "2026-02-28"),
        ("2024-02-29", 2, "2026-03-01"),  # a leap day: the later day, for the reporter
        ("2022-02-28", 2, "2024-02-28"),  # of a leap year, but not its leap day
        ("2022-03-01", 2, "2024-03-01"),
        ("2024-02-29", 4, "2028-02-29"),  # where there is one, it is the anniversary
        ("2024-02-29", 1, "2025-03-01"),
        ("2096-02-29", 4, "2100-03-01"),  # 2100 has none
        ("2000-02-29", 2, "2002-03-01"),
    ],
)
def test_an_event_is_not_too_old_up_to_its_anniversary(event, years, last):
    assert last_day(date.fromisoformat(event), years) == date.fromisoformat(last)


@pytest.mark.parametrize(
    ("event", "today", "holds"),
    [
        ("2024-11-24", "2026-11-23", True),
        ("2024-11-24", "2026-11-24", True),
        ("2024-11-24", "2026-11-25", False),
        ("2024-02-29", "2026-02-28", True),
        ("2024-02-29", "2026-03-01", True),
        ("2024-02-29", "2026-03-02", False),
        ("2026-11-24", "2026-11-24", True),
    ],
)
def test_the_day_after_an_event_is_too_old(event, today, holds):
    finding = found(date.fromisoformat(today), event_date=date.fromisoformat(event))["event_age"]

    assert finding.holds is holds
    assert str(finding.day) in finding.id
    assert str(finding.day) in finding.en


def test_the_limit_is_a_row_that_may_change_from_a_day_on():
    rules = [Rule(Name.EVENT_AGE, LAW, "old", 2), Rule(Name.EVENT_AGE, date(2027, 1, 1), "new", 3)]

    before, after = in_force(rules, date(2026, 12, 31)), in_force(rules, date(2027, 1, 1))

    assert admissible_until(EVENT, before) == date(2027, 3, 10)
    assert admissible_until(EVENT, after) == date(2028, 3, 10)


def test_without_a_row_nobody_is_refused_and_nothing_is_claimed():
    finding = found(date(2099, 1, 1), rules={})["event_age"]

    assert (finding.holds, finding.day, finding.basis) == (None, None, None)


def test_the_agency_was_asked_first_once_a_limit_has_passed():
    assert found(limits=[(date(2026, 11, 1), True)])["agency_asked_first"].holds is True
    assert found(handed_over=True)["agency_asked_first"].holds is True


def test_while_limits_run_the_first_of_them_is_told():
    finding = found(limits=[(date(2027, 1, 1), False), (date(2026, 12, 4), False)])[
        "agency_asked_first"
    ]

    assert (finding.holds, finding.day) == (False, date(2026, 12, 4))
    assert "2026-12-04" in finding.en


@pytest.mark.parametrize(
    ("first", "is_warned"),
    [
        ("2027-03-09", False),  # passes on the 10th, the last day on which it can be taken
        ("2027-03-10", True),  # lasts until that day is over
        ("2027-05-01", True),
    ],
)
def test_a_limit_that_ends_too_late_for_the_ombudsman_is_warned_of(first, is_warned):
    limits = [(date(2027, 6, 1), False), (date.fromisoformat(first), False), (None, False)]

    finding = found(limits=limits)["agency_asked_first"]

    assert (finding.holds, finding.day) == (False, date.fromisoformat(first))
    assert ("complain to the Ombudsman directly too, by 2027-03-10" in finding.en) is is_warned
    assert ("laporkan juga langsung ke Ombudsman" in finding.id) is is_warned
    assert first in finding.id


@pytest.mark.parametrize(
    "other",
    [
        {"rules": {}},  # no rule says how old an event may be
        {"today": date(2027, 3, 11)},  # it is too late for that already: the rule of age says so
        {"limits": [(date(2027, 5, 1), False), (date(2026, 11, 1), True)]},  # it goes at once
        {"handed_over": True},
    ],
)
def test_nobody_is_told_to_hurry_where_that_helps_nothing(other):
    late = {"limits": [(date(2027, 5, 1), False)]}

    assert "directly" not in found(**late | other)["agency_asked_first"].en


def test_a_limit_whose_end_nobody_knows_is_not_passed():
    assert found(limits=[(None, False)])["agency_asked_first"].holds is False
    assert found(limits=[])["agency_asked_first"].holds is False


@pytest.mark.parametrize("too_late", [False, True], ids=["in-time", "too-late"])
@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("ends", ["2026-11-01", "2027-01-01", "2027-05-01"])
def test_of_a_report_that_is_over_no_time_of_the_regency_is_told(status, too_late, ends):
    limits = [(date.fromisoformat(ends), False)]

    finding = found(status=status, too_late=too_late, limits=limits)["agency_asked_first"]

    runs = ends if status in OPEN else "None"
    assert (finding.holds, str(finding.day)) == (False, runs)
    assert (ends in finding.en, ends in finding.id) == (status in OPEN,) * 2
    rests = status is Status.ARCHIVED and not too_late
    assert ("its time rests; if you object, it goes on" in finding.en) is rests


@pytest.mark.parametrize("status", Status)
def test_that_its_time_has_passed_stays_true_when_a_report_is_over(status):
    finding = found(status=status, limits=[(date(2026, 11, 1), True)])["agency_asked_first"]

    assert finding.holds is True


@pytest.mark.parametrize("status", Status)
def test_a_case_that_is_over_cannot_be_handed_over(status):
    assert found(status=status)["not_over"].holds is (Action.CONSENT in ACTIONS[status])


def test_an_archived_case_waits_for_an_objection():
    assert "object" in found(status=Status.ARCHIVED)["not_over"].en
    assert "object" not in found()["not_over"].en


def test_of_what_was_archived_too_long_ago_no_objection_is_promised():
    told = found(status=Status.ARCHIVED, too_late=True)["not_over"]

    assert told.holds is False
    assert "your consent holds" not in told.en
    assert "Ombudsman directly" in told.en


def test_consent_and_identity_are_told_as_they_stand():
    nothing, facts, all_of_it = (
        found(consented=consented, with_form=form)
        for consented, form in ((False, False), (True, False), (True, True))
    )

    assert [f["consent"].holds for f in (nothing, facts, all_of_it)] == [False, True, True]
    assert [f["identity"].holds for f in (nothing, facts, all_of_it)] == [False, False, True]
    assert "facts" in facts["identity"].en


def test_every_rule_tells_its_basis_in_two_languages():
    for finding in found().values():
        assert finding.basis == RULES[finding.rule].basis
        assert finding.id.endswith(".")
        assert finding.en.endswith(".")
        assert finding.id != finding.en
    assert set(found()) == set(Name)
