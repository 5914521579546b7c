"""Reporters and clocks have their effect on cases, once, and are told when it came too late."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from chassis.inbox import ANYBODY
from tests.service.routing.office import (
    ARCHIVE,
    ASK,
    DISPOSE,
    FOLLOW_UP,
    TEXT,
    ago,
    notes,
    pass_limit,
    told,
)

WITA = ZoneInfo("Asia/Makassar")
RETURN = {"reason": "The road is the transport office's.", "proposed_agency": "dishub"}


def test_a_supplement_that_nobody_asked_for_is_kept_and_moves_nothing(office):
    number = office.bring("disposed")
    before = office.said(number)
    office.hear("report.supplemented.v1", number, text="It got worse.")

    assert office.said(number) == before
    assert notes(office, number) == [("supplement", "It got worse.")]


def test_an_objection_puts_the_case_back_to_work(office):
    number = office.bring("answered")
    office.hear("report.objected.v1", number, reason="Nothing was repaired.")

    type, said = told(office, number)
    assert (type, said["status"], said["objections"], said["cycle"]) == (
        "case.objected.v1", "in_progress", 1, 2,
    )  # fmt: skip
    assert office.case(number)["outcome"] is None


@pytest.mark.parametrize("status", ["archived", "forwarded_externally"])
def test_an_objection_to_its_end_puts_it_back_on_the_desk(office, status):
    number = office.bring(status)
    office.hear("report.objected.v1", number, reason="I did say which road.")

    type, said = told(office, number)
    assert (type, said["status"], said["objections"]) == ("case.objected.v1", "unverified", 1)
    shown = office.case(number, "coordinator")
    assert "verify" in shown["actions"]
    assert (shown["ended_at"], shown["reopen_until"], shown["cycle"]) == (None, None, 2)


def test_silence_closes_and_a_late_objection_reopens(office):
    number = office.bring("answered")
    pass_limit(office, number, "R")
    type, said = told(office, number)
    assert (type, said["how"]) == ("case.closed.v1", "auto_closed")

    office.hear("report.objected.v1", number, reason="I was away.")
    type, said = told(office, number)
    assert (type, said["status"], said["cycle"]) == ("case.reopened.v1", "in_progress", 2)


def test_the_day_after_thirty_days_it_is_too_late(office):
    number = office.bring("closed")
    office.later(days=31)
    office.hear("report.reopened.v1", number, reason="It broke again.")

    type, said = told(office, number)
    assert (type, said["action"], said["reason_code"], said["status"]) == (
        "case.refused.v1", "reopen", "too_late", "closed",
    )  # fmt: skip
    assert notes(office, number)[-1] == ("reopen", "It broke again.")


@pytest.fixture
def decree(office):
    """Has another number of days hold from today on."""
    sql = (
        "INSERT INTO routing_limit (name, effective_from, value, decree)"
        " VALUES ('reopen_days', current_date - 1, %s, 'Perbup 9')"
    )
    yield lambda days: office.database.psql(sql, [days])
    office.database.psql("DELETE FROM routing_limit WHERE decree = 'Perbup 9'")


def last_moment(ended_at: str, days: int) -> datetime:
    """The end, in Kotabaru, of the last of so many days."""
    day = datetime.fromisoformat(ended_at).astimezone(WITA).date() + timedelta(days=days)
    return datetime.combine(day, time(23, 59, 59), WITA)


@pytest.mark.parametrize("status", ["closed", "archived", "forwarded_externally"])
def test_a_decree_takes_no_day_away_that_a_reporter_was_told(office, decree, status):
    numbers = [office.bring(status) for _ in range(2)]
    for number in numbers:
        said, shown = told(office, number)[1], office.case(number)
        until = [datetime.fromisoformat(one["reopen_until"]) for one in (said, shown)]
        assert until == [last_moment(said["at"], days=30)] * 2
    decree(14)

    office.later(days=20)
    office.hear("report.objected.v1", numbers[0], reason="It broke again.")
    assert told(office, numbers[0])[0] != "case.refused.v1"
    assert office.case(numbers[0])["reopen_until"] is None
    office.later(days=11)
    office.hear("report.objected.v1", numbers[1], reason="It broke again.")
    assert told(office, numbers[1])[1]["reason_code"] == "too_late"


@pytest.mark.parametrize("status", ["closed", "archived", "forwarded_externally"])
def test_what_ends_after_a_decree_may_be_taken_up_as_long_as_that_says(office, decree, status):
    decree(14)
    number = office.bring(status)
    said = told(office, number)[1]
    assert datetime.fromisoformat(said["reopen_until"]) == last_moment(said["at"], days=14)

    office.later(days=15)
    office.hear("report.objected.v1", number, reason="It broke again.")
    assert told(office, number)[1]["reason_code"] == "too_late"


def test_what_ended_before_that_was_said_may_be_taken_up_by_what_holds_now(office, decree):
    number = office.bring("closed")
    office.database.psql("UPDATE cases SET reopen_until = NULL WHERE number = %s", [number])
    decree(14)

    office.later(days=20)
    office.hear("report.reopened.v1", number, reason="It broke again.")
    assert told(office, number)[1]["reason_code"] == "too_late"


@pytest.mark.parametrize(
    ("type", "action", "status"),
    [
        ("report.objected.v1", "object", "in_progress"),
        ("report.reopened.v1", "reopen", "unverified"),
        ("report.accepted.v1", "accept", "disposed"),
        ("report.withdrawn.v1", "withdraw", "closed"),
        ("report.supplemented.v1", "supplement", "archived"),
    ],
)
def test_what_the_status_does_not_allow_is_refused_to_the_reporter(office, type, action, status):
    number = office.bring(status)
    assert office.hear(type, number) == "done"

    said = told(office, number)[1]
    assert (said["action"], said["reason_code"]) == (action, "wrong_status")
    assert office.case(number)["status"] == status
    assert office.case(number)["history"][-1]["refused"] == "wrong_status"


def test_an_acceptance_with_a_mark_is_refused_once(office):
    number = office.bring("answered")
    office.hear("report.objected.v1", number)
    before = office.said(number)

    office.hear("report.rated.v1", number, stars=4)
    office.hear("report.accepted.v1", number)

    [(type, said)] = office.said(number)[len(before) :]
    assert (type, said["action"], said["reason_code"]) == (
        "case.refused.v1", "accept", "wrong_status",
    )  # fmt: skip
    case = office.case(number)
    assert case["stars"] is None
    filed = [(event["action"], event["refused"]) for event in case["history"][-2:]]
    assert filed == [("rate", "wrong_status"), ("accept", "wrong_status")]


def test_accepting_after_silence_is_too_late_and_the_mark_still_counts(office):
    number = office.bring("answered")
    pass_limit(office, number, "R")
    office.hear("report.accepted.v1", number)
    assert told(office, number)[1]["reason_code"] == "too_late"

    office.hear("report.rated.v1", number, stars=2, comment="Slow.")
    assert office.case(number)["stars"] == 2
    assert office.case(number)["closed_how"] == "auto_closed"


@pytest.mark.parametrize(("clock", "cycle"), [("R", 1), ("D", 1)])
def test_the_news_of_an_old_limit_changes_nothing(office, clock, cycle):
    number = office.bring("answered")
    office.hear("report.objected.v1", number)
    office.act(number, "answer", "liaison", outcome="explained", reason="So it is.", text=TEXT)
    before = office.said(number)

    assert pass_limit(office, number, clock, cycle) == "done"
    assert office.said(number) == before


def test_data_that_never_came_archives_as_incomplete(office):
    number = office.bring("awaiting_reporter")
    office.later(days=31)
    pass_limit(office, number, "D")

    type, said = told(office, number)
    assert (type, said["reason"], said["reply_id"]) == ("case.archived.v1", "incomplete", None)


def test_an_event_that_comes_twice_has_one_effect(office):
    number = office.bring("answered")
    body = office.body("report.objected.v1", number)
    receive = office.service.inbox.receive
    assert [receive(body, ANYBODY) for _ in range(3)] == ["done", "known", "known"]
    assert office.case(number)["objections"] == 1


def test_what_comes_before_its_report_waits_for_it(office):
    number = "KTB-55555-55555"
    early = office.hear("deadline.started.v1", number, clock="V", cycle=1)
    assert early == "waiting"


# --- deadlines and escalations


def test_the_worklist_shows_the_limit_that_matters_now(office):
    number = office.bring("unverified")
    soon, later = ago(office, days=-1), ago(office, days=-5)
    office.hear("deadline.started.v1", number, clock="V", cycle=1, started_at=soon, due_at=soon)
    assert office.case(number)["due_at"][:19] == soon[:19]

    raised = {"clock": "V", "cycle": 1, "level": 2, "to": "sekda", "agency": None, "due_at": soon}
    office.hear("escalation.raised.v1", number, **raised)
    assert office.case(number)["level"] == 2

    paused = {"clock": "V", "cycle": 1, "before": soon, "after": None, "reason": "paused"}
    office.hear("deadline.recomputed.v1", number, **paused)
    assert office.case(number)["due_at"] is None

    office.hear("deadline.started.v1", number, clock="S", cycle=1, started_at=soon, due_at=later)
    assert office.case(number)["due_at"][:19] == later[:19]  # it had been handed over: V stopped
    shown = {d["clock"]: (d["level"], d["brought_to"]) for d in office.case(number)["deadlines"]}
    assert shown == {"V": (0, None), "S": (0, None)}  # it stands: it was not late


@pytest.mark.parametrize(
    ("returns", "runs"), [(1, "F"), (2, "A")], ids=["first_return", "second_return"]
)
@pytest.mark.parametrize("archived", ["as_returned", "by_silence"])
def test_after_an_objection_to_archiving_the_worklist_shows_a_limit_that_runs(
    office, returns, runs, archived
):
    """A disposition stops A, and a follow-up F."""
    number, desks = office.bring("disposed"), ["coordinator", "arbiter"][:returns]
    ends = {clock: ago(office, days=-days) for days, clock in enumerate("AFS", 3)}
    for clock, at in ends.items():
        limit = {"clock": clock, "cycle": 1, "started_at": ago(office), "due_at": at}
        office.hear("deadline.started.v1", number, **limit)
    office.act(number, "return", "liaison", **RETURN)
    for desk in desks[:-1]:
        office.act(number, DISPOSE[0], desk, **DISPOSE[2])
        office.act(number, "return", "liaison", **RETURN)
    if archived == "as_returned":
        office.act(number, ARCHIVE[0], desks[-1], **ARCHIVE[2])
    else:
        office.act(number, DISPOSE[0], desks[-1], **DISPOSE[2])
        office.act(number, *FOLLOW_UP[:2], **FOLLOW_UP[2])
        office.act(number, ASK[0], "liaison", **ASK[2])
        silent = {"clock": "D", "cycle": 1, "due_at": ago(office, days=-30)}
        office.hear("deadline.passed.v1", number, **silent)
    assert office.case(number)["status"] == "archived"

    office.hear("report.objected.v1", number)

    shown = office.case(number)
    assert (shown["status"], shown["returns"]) == ("unverified", returns)
    wanted = ends[runs if archived == "as_returned" else "S"]
    assert shown["due_at"][:19] == wanted[:19]


@pytest.mark.parametrize(("days", "passed"), [(5, False), (-1, True), (None, False)])
def test_a_missed_limit_that_lies_ahead_again_is_not_missed_any_more(office, days, passed):
    number = office.bring("unverified")
    due, now = ago(office, days=3), ago(office)
    limit = {"clock": "V", "cycle": 1}
    office.hear("deadline.passed.v1", number, **limit, due_at=due, at=due)
    after = None if days is None else ago(office, days=-days)
    told = {"before": due, "after": after, "reason": "paused" if days is None else "calendar"}

    office.hear("deadline.recomputed.v1", number, **limit, **told, at=now)

    [shown] = office.case(number)["deadlines"]
    assert (shown["passed_at"] is not None) == passed
    assert (shown["due_at"] or "")[:19] == (after or "")[:19]


@pytest.mark.parametrize("news", ["kept", "moved"])
def test_a_limit_that_was_not_missed_after_all_is_on_nobodys_list(office, news):
    number = office.bring("unverified")
    due, limit = ago(office, days=3), {"clock": "V", "cycle": 1}
    office.hear("deadline.passed.v1", number, **limit, due_at=due, at=due)
    above = {"level": 2, "to": "sekda", "agency": None, "due_at": due}
    office.hear("escalation.raised.v1", number, **limit, **above)

    if news == "kept":
        office.hear("deadline.kept.v1", number, **limit, due_at=due, at=ago(office))
    else:
        moved = {"before": due, "after": ago(office, days=-3), "reason": "calendar"}
        office.hear("deadline.recomputed.v1", number, **limit, **moved, at=ago(office))

    assert office.case(number)["level"] == 0
    [shown] = office.case(number)["deadlines"]
    assert (shown["passed_at"], shown["level"], shown["brought_to"]) == (None, 0, None)


@pytest.mark.parametrize(("later", "level"), [(False, 0), (True, 2)])
def test_what_was_raised_before_a_limit_was_cleared_counts_no_more(office, later, level):
    """They are told in different streams."""
    number = office.bring("unverified")
    due, limit = ago(office, days=3), {"clock": "V", "cycle": 1}
    office.hear("deadline.kept.v1", number, **limit, due_at=due, at=ago(office, hours=1))

    above = {"level": 2, "to": "sekda", "agency": None, "due_at": due}
    at = ago(office, hours=0 if later else 2)
    office.hear("escalation.raised.v1", number, **limit, **above, at=at)

    assert office.case(number)["level"] == level


@pytest.mark.parametrize(("clock", "status"), [("R", "answered"), ("D", "awaiting_reporter")])
def test_a_reporters_time_is_not_over_before_it_is_heard_what_they_said(office, clock, status):
    number = office.bring(status)
    office.service.caught_up.clear()

    assert pass_limit(office, number, clock) == "waiting"
    assert office.case(number)["status"] == status

    office.hear("report.supplemented.v1" if clock == "D" else "report.objected.v1", number)
    assert office.case(number)["status"] in ("unverified", "in_progress")
    office.service.caught_up.set()
    office.later(seconds=10)
    while office.service.inbox.retry_due():
        pass

    assert office.case(number)["status"] in ("unverified", "in_progress")
    left = "SELECT type FROM inbox WHERE state <> 'done' AND subject = %s"
    assert office.database.psql(left, [number]) == []


def test_a_limit_ends_on_the_day_that_its_calendar_counts(office):
    number = office.bring("unverified")
    at = "2027-03-09T16:59:59Z"  # Jakarta's ninth ends; in the regency it is the tenth
    ends = {"started_at": ago(office), "due_at": at, "ends_on": "2027-03-09"}

    def days():
        case = office.case(number)
        return [case["ends_on"], *(deadline["ends_on"] for deadline in case["deadlines"])]

    office.hear("deadline.started.v1", number, clock="V", cycle=1, **ends)
    assert days() == ["2027-03-09"] * 2

    for table in ("deadline", "cases"):
        office.database.psql(f"UPDATE {table} SET ends_on = NULL")  # heard before it was told
    assert days() == ["2027-03-10"] * 2


def test_the_case_says_what_the_ombudsman_was_told(office):
    number = office.bring("in_progress")
    office.hear("escalation.offered.v1", number)
    office.hear("escalation.handed_over.v1", number)

    shown = office.case(number)
    assert shown["offered_at"] is not None
    assert shown["handed_over_at"] is not None
    assert shown["status"] == "in_progress"


def test_what_was_taken_back_is_not_offered_until_it_is_again(office):
    number = office.bring("in_progress")
    at = "2026-11-23T16:00:03Z"
    office.hear("escalation.offered.v1", number, at=at)

    office.hear("escalation.offer_taken_back.v1", number, offered_at=at)
    assert office.case(number)["offered_at"] is None

    office.hear("escalation.offered.v1", number)
    assert office.case(number)["offered_at"] is not None


def test_every_case_is_counted_in_one_status(office):
    with office.db.begin() as tx:
        counts = office.service.counts(tx)
    [(cases,)] = office.database.psql("SELECT count(*) FROM cases")
    by_status = {k: v for k, v in counts.items() if k not in ("cases", "cases_open")}
    assert counts["cases"] == cases == sum(by_status.values())
