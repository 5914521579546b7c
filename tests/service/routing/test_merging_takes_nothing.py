"""A merge takes no case from whoever has to decide about it, and no day from its reporter."""

from __future__ import annotations

from typing import Any

import pytest

from tests.service.routing.office import ASK, DISPOSE, VERIFY, Office, ago, told

SAME = {"reason": "the same hole"}
BACK = {"reason": "The road is not ours."}


def rule(answer: Any) -> tuple[int, str | None]:
    """How a request was answered, and by which rule it was refused."""
    return answer.status_code, (answer.json.get("errors") or [{"rule": None}])[0]["rule"]


def returned_twice(office: Office, **report: Any) -> str:
    """A case that came back for the second time: the arbiter's to decide."""
    number = office.open(**report)
    steps = (VERIFY, DISPOSE, ("return", "liaison", BACK), DISPOSE, ("return", "liaison", BACK))
    for verb, as_, body in steps:
        answer = office.act(number, verb, as_, **body)
        assert answer.status_code == 200, answer.text
    return number


def test_a_case_that_came_back_twice_is_not_the_coordinators_to_merge(office: Office) -> None:
    parent, child = office.bring("in_progress"), returned_twice(office)
    assert "merge" not in office.case(child, "coordinator")["actions"]
    assert office.act(child, "merge", "coordinator", into=parent, **SAME).status_code == 403

    done = office.act(child, "merge", "arbiter", into=parent, **SAME)

    assert done.status_code == 200, done.text
    assert [office.case(number)["decider"] for number in (parent, child)] == ["arbiter"] * 2
    assert told(office, parent)[0] == "case.desks_changed.v1"
    assert told(office, child)[1]["decider"] == "arbiter"


def test_nor_does_it_wait_with_one_that_waits_for_a_desk_longer(office: Office) -> None:
    parent, child = office.bring("unverified"), returned_twice(office)
    refused = office.act(child, "merge", "arbiter", into=parent, **SAME)
    assert rule(refused) == (422, "order")


def test_what_others_brought_back_twice_still_shows_the_limit_that_runs(office: Office) -> None:
    """F: no second return of its own has begun A."""
    parent, child = office.bring("disposed"), returned_twice(office)
    for number, days in ((parent, -4), (child, -9)):
        s = {"clock": "S", "cycle": 1, "started_at": ago(office, hours=1)}
        office.hear("deadline.started.v1", number, **s, due_at=ago(office, days=days))
    office.act(parent, "return", "liaison", **BACK)
    office.hear("deadline.started.v1", parent, clock="F", cycle=1, due_at=ago(office, days=-2))
    office.act(child, DISPOSE[0], "arbiter", **DISPOSE[2])
    merged = office.act(child, "merge", "arbiter", into=parent, **SAME)
    assert merged.status_code == 200, merged.text

    shown = office.case(parent)

    assert (shown["status"], shown["decider"]) == ("unverified", "arbiter")
    assert shown["due_at"][:10] == ago(office, days=-2)[:10]


def settles(office: Office, number: str, begun: float, ends: float) -> str:
    """S of that case began and ends so many days from now; its end."""
    s = {"clock": "S", "cycle": 1, "started_at": ago(office, days=-begun)}
    office.hear("deadline.started.v1", number, **s, due_at=ago(office, days=-ends))
    return ago(office, days=-ends)


def stands(office: Office, number: str, before: str) -> None:
    """S of that case is paused; `before`: its end by then."""
    ends = {"before": before, "after": None, "ends_on": None}
    moved = {"clock": "S", "cycle": 1, "reason": "paused", **ends}
    office.hear("deadline.recomputed.v1", number, **moved)


def test_a_question_gives_a_case_no_slower_one_to_follow(office: Office) -> None:
    """S of the other, a supervisory one, has sixty days; asking made that of this one stand."""
    parent, child = office.bring("in_progress"), office.bring("in_progress")
    settles(office, parent, -3, 80)
    ends = settles(office, child, -2, 1)
    asked = office.act(child, "data-request", "liaison", question="Which side of the road is it?")
    assert asked.status_code == 200, asked.text
    stands(office, child, ends)

    refused = office.act(child, "merge", "coordinator", into=parent, **SAME)
    assert rule(refused) == (422, "order")

    quick = office.bring("in_progress", received_at=ago(office, hours=1))
    settles(office, quick, -3, 0.5)
    assert rule(office.act(child, "merge", "coordinator", into=quick, **SAME)) == (200, None)


def test_a_late_case_follows_no_answered_one_whose_days_would_run_on(office: Office) -> None:
    parent, child = office.bring("answered"), office.bring("in_progress")
    ends = settles(office, parent, -3, 80)
    stands(office, parent, ends)
    settles(office, child, -2, -1)
    late = office.act(child, "merge", "coordinator", into=parent, **SAME)
    assert rule(late) == (422, "order")


def test_an_answered_case_follows_none_that_has_more_days(office: Office) -> None:
    parent, child = office.bring("in_progress"), office.bring("answered")
    settles(office, parent, -3, 80)
    ends = settles(office, child, -2, 1)
    stands(office, child, ends)
    answered = office.act(child, "merge", "coordinator", into=parent, **SAME)
    assert rule(answered) == (422, "order")


def test_a_class_that_changes_while_it_stands_leaves_days_that_nobody_knows(office: Office) -> None:
    parent, child = office.bring("answered"), office.bring("answered")
    stands(office, child, settles(office, child, -2, 5))
    stands(office, parent, settles(office, parent, -3, 4))
    change = {"class": "supervisory", "reason": "It is about misconduct."}
    office.act(parent, "reclassification", "coordinator", **change)
    unknown = office.act(child, "merge", "coordinator", into=parent, **SAME)
    assert rule(unknown) == (422, "order")


def test_answered_alike_they_are_merged(office: Office) -> None:
    """The negative control of what stands above."""
    parent, child = office.bring("answered"), office.bring("answered")
    stands(office, child, settles(office, child, -2, 5))
    stands(office, parent, settles(office, parent, -3, 4))
    assert rule(office.act(child, "merge", "coordinator", into=parent, **SAME)) == (200, None)


def test_no_case_is_archived_for_the_silence_of_another_reporter(office: Office) -> None:
    """Its own reporter was asked, and said nothing; who follows it was told to answer nothing."""
    parent, child = office.bring("unverified"), office.bring("unverified")
    office.act(child, "merge", "coordinator", into=parent, **SAME)
    office.act(parent, *ASK[:2], **ASK[2])
    due = ago(office, days=-30)
    office.later(days=31)
    office.hear("deadline.passed.v1", parent, clock="D", cycle=1, due_at=due)
    assert office.case(child)["status"] == "unverified"
    why = {"reason": "incomplete", "text": "You did not say where the hole is."}

    refused = office.act(parent, "archive", "coordinator", **why)

    assert rule(refused) == (422, "followed")
    assert [office.case(number)["status"] for number in (parent, child)] == ["unverified"] * 2
    office.hear("report.withdrawn.v1", child)
    assert rule(office.act(parent, "archive", "coordinator", **why)) == (200, None)


@pytest.mark.parametrize(("days", "expected"), [(4, (200, None)), (60, (422, "order"))])
def test_what_a_receipt_promises_holds_before_its_case_is_handed_on(
    office: Office, days: int, expected: tuple[int, str | None]
) -> None:
    """A request for information has five working days; who follows a supervisory case has sixty."""
    promised = ago(office, days=-8)[:10]
    parent = office.bring("in_progress")
    child = office.open(kind="information_request", settle_by=promised)
    ends = settles(office, parent, -1, days)
    moved = {"before": ends, "after": ends, "ends_on": ends[:10], "reason": "calendar"}
    office.hear("deadline.recomputed.v1", parent, clock="S", cycle=1, **moved)

    assert rule(office.act(child, "merge", "coordinator", into=parent, **SAME)) == expected

    free = office.open(kind="information_request")  # its receipt has no dates
    assert rule(office.act(free, "merge", "coordinator", into=parent, **SAME)) == (200, None)
