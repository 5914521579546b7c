"""What a migration makes of rows that an earlier program wrote."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import pytest

from services.routing import domain
from services.routing.life import Status
from tests.service.routing.office import ARCHIVE, ASK, DISPOSE, FOLLOW_UP, VERIFY, ago

RETURN = {"reason": "The road is the transport office's.", "proposed_agency": "dishub"}


@pytest.fixture
def formerly(monkeypatch):
    """An objection to archiving forgot when the case was disposed, whoever had it."""
    disagree = domain.disagree

    def forgetful(*told):
        action, after = disagree(*told)
        return action, replace(after, disposed_at=None) if after.agency is None else after

    monkeypatch.setattr(domain, "disagree", forgetful)


@pytest.fixture
def migrate(office):
    """Does again what the migration does to rows."""
    made = import_module("services.routing.migrations.versions.0015_disposed_as_returned")
    return lambda: office.database.psql(made.GIVEN_BACK)


def limits(office, number):
    """A, F and S of a case run, and end in this order; when each does."""
    ends = {clock: ago(office, days=-days) for days, clock in enumerate("AFS", 3)}
    for clock, at in ends.items():
        limit = {"clock": clock, "cycle": 1, "started_at": ago(office), "due_at": at}
        office.hear("deadline.started.v1", number, **limit)
    return ends


def come_back(office, number, times=1):
    """A disposed case is returned, so many times; the desk that it is with now."""
    desks = ["coordinator", "arbiter"]
    office.act(number, "return", "liaison", **RETURN)
    for desk in desks[: times - 1]:
        office.act(number, DISPOSE[0], desk, **DISPOSE[2])
        office.act(number, "return", "liaison", **RETURN)
    return desks[times - 1]


def disposed(office, number):
    [row] = office.database.psql(
        "SELECT disposed_at, due_at FROM cases WHERE number = %s", [number]
    )
    return row


def archived_and_objected_to(office, number, desk="coordinator"):
    assert office.act(number, ARCHIVE[0], desk, **ARCHIVE[2]).status_code == 200
    assert office.hear("report.objected.v1", number) == "done"


@pytest.mark.parametrize(("returns", "runs"), [(1, "F"), (2, "A")])
def test_what_an_objection_took_of_a_returned_case_is_given_back(
    office, formerly, migrate, returns, runs
):
    number = office.bring("disposed")
    ends = limits(office, number)
    desk = come_back(office, number, returns)
    before, _ = disposed(office, number)
    archived_and_objected_to(office, number, desk)
    archived_and_objected_to(office, number, desk)
    assert office.case(number)["due_at"][:19] == ends["S"][:19]  # the defect

    migrate()

    assert disposed(office, number)[0] == before
    listed = office.ask("GET", "/v1/cases?limit=100", as_="supervisor").json["items"]
    [shown] = [case for case in listed if case["number"] == number]
    assert shown["due_at"][:19] == ends[runs][:19] == office.case(number)["due_at"][:19]
    assert shown["status"] == Status.UNVERIFIED


def test_whose_report_follows_is_told_the_same(office, formerly, migrate):
    parent = office.bring("disposed")
    early, late = office.bring("unverified"), office.bring("unverified")
    office.act(early, "merge", "coordinator", into=parent, reason="The same hole.")
    come_back(office, parent)
    before, _ = disposed(office, parent)
    archived_and_objected_to(office, parent)
    office.act(late, VERIFY[0], VERIFY[1], **VERIFY[2])
    merged = office.act(late, "merge", "coordinator", into=parent, reason="The same hole.")
    assert merged.status_code == 200, merged.text

    migrate()

    given = [disposed(office, number) for number in (parent, early, late)]
    assert [at for at, _ in given] == [before] * 3
    assert [due for _, due in given[1:]] == [None, None]  # a follower is not listed


def test_an_agency_that_held_the_case_got_it_too_long_ago_to_count(office, formerly, migrate):
    number = office.bring("disposed")
    ends = limits(office, number)
    office.act(number, DISPOSE[0], come_back(office, number), **DISPOSE[2])
    office.act(number, *FOLLOW_UP[:2], **FOLLOW_UP[2])
    office.act(number, ASK[0], "liaison", **ASK[2])
    silent = {"clock": "D", "cycle": 1, "due_at": ago(office, days=-30)}
    office.hear("deadline.passed.v1", number, **silent)
    office.hear("report.objected.v1", number)
    archived_and_objected_to(office, number)

    migrate()

    at, due = disposed(office, number)
    assert (at, due.isoformat()[:19]) == (None, ends["S"][:19])


def test_a_case_that_moved_on_stays_as_it_is(office, formerly, migrate):
    number = office.bring("disposed")
    limits(office, number)
    desk = come_back(office, number)
    archived_and_objected_to(office, number, desk)
    office.act(number, DISPOSE[0], desk, **DISPOSE[2])
    as_it_was = disposed(office, number)

    migrate()

    assert disposed(office, number) == as_it_was
    assert office.case(number)["status"] == Status.DISPOSED
