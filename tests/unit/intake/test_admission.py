"""What the law asks before a hand-over, told exactly: to the day, with its basis, in two
languages."""

from datetime import date

import pytest

from services.intake.admission import (
    Clock,
    Limit,
    Name,
    Rule,
    Standing,
    admissible_until,
    findings,
    in_force,
    last_day,
)
from services.intake.domain import ACTIONS, Action, Status
from services.notify.domain import in_words
from services.routing.life import OPEN

ASIDE = (Status.ARCHIVED, Status.FORWARDED_EXTERNALLY)

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
H, S = Clock.HAND_OVER, Clock.SETTLE


def standing(**other):
    known = {
        "event_date": EVENT,
        "status": Status.IN_PROGRESS,
        "too_late": False,
        "limits": [Limit(S, date(2027, 1, 1), False)],
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
    assert in_words(finding.day, "id") in finding.id
    assert in_words(finding.day, "en") in finding.en


def test_the_limit_is_a_row_that_may_change_from_a_day_on():
    rules = [Rule(Name.EVENT_AGE, LAW, "old", 2), Rule(Name.EVENT_AGE, date(2027, 1, 1), "new", 3)]

    before, after = in_force(rules, date(2026, 12, 31)), in_force(rules, date(2027, 1, 1))

    assert admissible_until(EVENT, before) == date(2027, 3, 10)
    assert admissible_until(EVENT, after) == date(2028, 3, 10)


def test_without_a_row_nobody_is_refused_and_nothing_is_claimed():
    finding = found(date(2099, 1, 1), rules={})["event_age"]

    assert (finding.holds, finding.day, finding.basis) == (None, None, None)


@pytest.mark.parametrize(
    ("passed", "id", "en"),
    [
        ({S}, "batas waktu penyelesaiannya sudah lewat", "its time has passed"),
        ({H, S}, "batas waktu penyelesaiannya sudah lewat", "its time has passed"),
        ({H}, "dapat dilimpahkan ke Ombudsman sudah berakhir", "may be handed over has come"),
    ],
    ids=["settlement", "both", "hand-over"],
)
def test_the_agency_was_asked_first_once_a_limit_has_passed(passed, id, en):
    """That the regency is late is said only if its own time has passed."""
    limits = [Limit(clock, date(2026, 11, 1), clock in passed) for clock in Clock]
    finding = found(limits=limits)["agency_asked_first"]

    assert finding.holds is True
    assert id in finding.id
    assert en in finding.en
    assert ("lewat;" in finding.id, "has passed" in finding.en) == (S in passed,) * 2


def test_of_what_was_handed_over_no_limit_need_be_known():
    finding = found(handed_over=True)["agency_asked_first"]

    assert finding.holds is True
    assert "lewat" not in finding.id
    assert "passed" not in finding.en


@pytest.mark.parametrize(
    ("hand_over", "settle", "told"),
    [
        ("2027-01-01", "2026-12-04", S),
        ("2026-12-04", "2027-01-01", H),  # a supervisory complaint: the regency's time goes on
        ("2026-12-04", None, H),  # an answer stands
        ("2026-12-04", "2026-12-04", S),
        (None, "2026-12-04", S),
    ],
)
def test_while_limits_run_the_first_of_them_is_told_by_what_it_is(hand_over, settle, told):
    limits = [
        Limit(clock, ends and date.fromisoformat(ends), False)
        for clock, ends in ((H, hand_over), (S, settle))
    ]
    finding = found(limits=limits)["agency_asked_first"]

    assert (finding.holds, finding.day) == (False, date(2026, 12, 4))
    assert "until 4 December 2026." in finding.en
    assert "sampai 4 Desember 2026." in finding.id
    is_regencys = told is S
    assert ("The regency has been asked and has time until" in finding.en) is is_regencys
    assert ("yang masih punya waktu sampai" in finding.id) is is_regencys
    assert ("The time before a report may be handed over lasts" in finding.en) is not is_regencys
    assert ("dapat dilimpahkan ke Ombudsman berlangsung" in finding.id) is not is_regencys


@pytest.mark.parametrize(
    ("first", "is_warned"),
    [
        ("2027-03-09", False),  # passes on the 10th, the last day on which it can be taken
        ("2027-03-10", True),  # lasts until that day is over
        ("2027-05-01", True),
    ],
)
def test_a_limit_that_ends_too_late_for_the_ombudsman_is_warned_of(first, is_warned):
    ends = date(2027, 6, 1), date.fromisoformat(first), None
    limits = [Limit(S, day, False) for day in ends]

    finding = found(limits=limits)["agency_asked_first"]

    assert (finding.holds, finding.day) == (False, date.fromisoformat(first))
    assert ("complain to the Ombudsman directly too, by 10 March 2027" in finding.en) is is_warned
    assert ("laporkan juga langsung ke Ombudsman" in finding.id) is is_warned
    assert in_words(finding.day, "id") in finding.id


@pytest.mark.parametrize(
    "other",
    [
        {"rules": {}},  # no rule says how old an event may be
        {"today": date(2027, 3, 11)},  # it is too late for that already: the rule of age says so
        # it goes at once
        {"limits": [Limit(H, date(2027, 5, 1), False), Limit(S, date(2026, 11, 1), True)]},
        {"handed_over": True},
    ],
)
def test_nobody_is_told_to_hurry_where_that_helps_nothing(other):
    late = {"limits": [Limit(H, date(2027, 5, 1), False)]}

    assert "directly" not in found(**late | other)["agency_asked_first"].en


@pytest.mark.parametrize("clock", Clock)
@pytest.mark.parametrize("ends", ["2027-03-11", "2027-05-01"])
@pytest.mark.parametrize("consented", [False, True], ids=["no consent", "consented in time"])
def test_of_an_event_that_is_too_old_a_hand_over_is_promised_to_who_consented_in_time(
    consented, ends, clock
):
    """No consent is taken any more; what was consented to is handed over all the same."""
    limits = [Limit(clock, date.fromisoformat(ends), False)]
    told = found(date(2027, 3, 11), limits=limits, consented=consented)

    asked = told["agency_asked_first"]
    assert (told["event_age"].holds, asked.holds, str(asked.day)) == (False, False, ends)
    assert "you consent," not in asked.en
    assert "Anda setuju," not in asked.id
    assert ("not handed over either" in asked.en) is not consented
    assert ("tidak dilimpahkan" in asked.id) is not consented
    assert ("for you consented in time" in asked.en) is consented
    assert ("Ombudsman yang memutuskan" in asked.id) is consented


@pytest.mark.parametrize("clock", Clock)
@pytest.mark.parametrize("day", [date(2027, month, 1 + month) for month in range(1, 13)])
def test_days_are_said_as_letters_say_them(day, clock):
    waits = found(limits=[Limit(clock, day, False)], rules={})["agency_asked_first"]

    assert f"sampai {in_words(day, 'id')}." in waits.id
    assert f"until {in_words(day, 'en')}." in waits.en


def test_a_limit_whose_end_nobody_knows_is_not_passed():
    """Others may have, of which none gives the right to a hand-over."""
    for limits in ([Limit(S, None, False)], []):
        finding = found(limits=limits)["agency_asked_first"]

        assert (finding.holds, finding.day) == (False, None)
        assert "limit that allows a hand-over" in finding.en
        assert "batas waktu yang memungkinkan pelimpahan belum lewat" in finding.id


@pytest.mark.parametrize("too_late", [False, True], ids=["in-time", "too-late"])
@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("ends", ["2026-11-01", "2027-01-01", "2027-05-01"])
def test_of_a_report_that_is_over_no_time_of_the_regency_is_told(status, too_late, ends):
    limits = [Limit(S, date.fromisoformat(ends), False)]

    finding = found(status=status, too_late=too_late, limits=limits)["agency_asked_first"]

    runs = ends if status in OPEN else "None"
    assert (finding.holds, str(finding.day)) == (False, runs)
    named = tuple(in_words(limits[0].day, lang) in getattr(finding, lang) for lang in ("en", "id"))
    assert named == (status in OPEN,) * 2
    rests = status in ASIDE and not too_late
    assert ("its time rests; if you object, it goes on" in finding.en) is rests


@pytest.mark.parametrize("status", Status)
def test_that_its_time_has_passed_stays_true_when_a_report_is_over(status):
    finding = found(status=status, limits=[Limit(S, date(2026, 11, 1), True)])["agency_asked_first"]

    assert finding.holds is True


@pytest.mark.parametrize("status", Status)
def test_a_case_that_is_over_cannot_be_handed_over(status):
    assert found(status=status)["not_over"].holds is (Action.CONSENT in ACTIONS[status])


@pytest.mark.parametrize("status", ASIDE)
def test_what_was_set_aside_waits_for_an_objection(status):
    assert "object" in found(status=status)["not_over"].en
    assert "object" not in found()["not_over"].en


@pytest.mark.parametrize("status", ASIDE)
def test_of_what_was_set_aside_too_long_ago_no_objection_is_promised(status):
    told = found(status=status, too_late=True)["not_over"]

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
