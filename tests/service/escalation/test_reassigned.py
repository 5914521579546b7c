"""A case that is handed on, because its agency gets no new cases, has the limits that it had; its
next agency is the one that is reminded of them."""

from __future__ import annotations

import pytest

from services.escalation.ombudsman import happened
from services.escalation.watch import breaches
from tests.service.escalation.test_dossiers import consent, stored
from tests.service.escalation.tower import NUMBER, Tower, local

CLOCKS = "SELECT clock, cycle, started_at, due_at, stopped_at FROM clock ORDER BY id"
MOVED = ["deadline.started", "deadline.recomputed"]
ON = {"agency": "dishub", "supporting": [], "instead_of": "dpupr"}


@pytest.mark.parametrize(
    ("status", "cycle"),
    [
        ("disposed", 1), ("in_progress", 1), ("in_progress", 2), ("awaiting_reporter", 1),
        ("answered", 1),
    ],
)  # fmt: skip
def test_nothing_starts_pauses_or_stops(tower: Tower, status: str, cycle: int) -> None:
    if status == "disposed":
        tower.open()
        tower.dispose()
    else:
        tower.begin_work()
    if status == "answered" or cycle == 2:
        tower.answer()
        tower.deliver()
    if cycle == 2:
        tower.hear("case.objected.v1", status="in_progress", objections=1, cycle=2)
    if status == "awaiting_reporter":
        tower.hear("case.data_requested.v1", awaited_from="in_progress")
    before, said = tower.database.psql(CLOCKS), len(tower.said(*MOVED))

    tower.at("2026-11-04 10:00").hear("case.reassigned.v1", **ON, status=status, cycle=cycle)

    assert tower.database.psql(CLOCKS) == before
    assert len(tower.said(*MOVED)) == said
    told = "SELECT agency, status, cycle FROM case_state"
    assert tower.database.psql(told) == [("dishub", status, cycle)]


def test_who_has_it_now_is_reminded_and_their_head_hears_of_it(tower: Tower) -> None:
    tower.open()
    tower.dispose()
    tower.at("2026-11-04 10:00").hear("case.reassigned.v1", **ON, status="disposed", cycle=1)

    for morning in ("2026-11-09 10:00", "2026-11-10 10:00"):
        tower.at(morning).sweep()

    of_f = [fact for fact in tower.said("deadline.approaching", "escalation.raised")
            if fact["clock"] == "F"]  # fmt: skip
    assert [(fact["type"], fact["agency"]) for fact in of_f] == [
        ("deadline.approaching", "dishub"), ("escalation.raised", "dishub"),
    ]  # fmt: skip


def test_whose_limit_it_was_is_known_afterwards(tower: Tower) -> None:
    tower.open()
    tower.dispose()
    tower.at("2026-11-04 10:00").hear("case.reassigned.v1", **ON, status="disposed", cycle=1)

    with tower.db.begin() as tx:
        held = [happened.agency_at(tx, NUMBER, local(f"2026-11-0{day} 12:00")) for day in (1, 3, 5)]

    assert held == [None, "dpupr", "dishub"]


def test_a_limit_that_passed_before_is_not_laid_on_the_next_agency(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-11-23 10:00").sweep()
    tower.hear("case.reassigned.v1", **ON, status="in_progress", cycle=1)

    tower.at("2026-11-24 10:00").hear("case.data_requested.v1", awaited_from="in_progress")
    tower.at("2026-11-25 10:00").hear("case.resumed.v1", status="in_progress")
    tower.append()

    of_s = [
        (entry["type"], entry["data"]["agency"])
        for entry in tower.entries("monitoring")
        if entry["type"].startswith("feed.breach") and entry["data"]["clock"] == "S"
    ]
    assert of_s == [
        (breaches.OPENED, "dpupr"), (breaches.CLOSED, "dpupr"), (breaches.OPENED, "dpupr"),
    ]  # fmt: skip


def test_the_ombudsman_reads_from_whom_to_whom(tower: Tower) -> None:
    tower.open()
    tower.dispose()
    consent(tower)
    tower.at("2026-11-04 10:00").hear("case.reassigned.v1", **ON, status="disposed", cycle=1)
    tower.at("2027-01-02 10:00").sweep()
    tower.append()

    [line] = [h for h in stored(tower)[0]["history"] if h["what"] == "case.reassigned"]

    assert (line["detail"]["instead_of"], line["detail"]["agency"]) == ("dpupr", "dishub")
