"""Who adds something is told whether it answers a question, and routing by its name which one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from chassis.database import rows
from chassis.events import read
from chassis.inbox import ANYBODY
from tests.service.intake.conftest import key
from tests.service.intake.test_consenting import ask, hear, said, seen
from tests.service.routing.office import ASK, Office, furnish

MORE = {"text": "Di kilometer 12, dekat jembatan."}
FIRST, SECOND = (f"{n}0000000-0000-4000-8000-000000000001" for n in (1, 2))
ASKED, CANCELLED = "case.data_requested.v1", "case.data_request_cancelled.v1"
WAITS = {"status": "awaiting_reporter"}


def shown(intake_db):
    """The question that each addition names."""
    return [data["question_id"] for data in said(intake_db, "report.supplemented.v1")]


def test_an_addition_names_the_question_that_is_shown_and_says_that_it_answers(
    api, intake_db, receipt, worker
):
    answers = [ask(api, receipt, "supplements", MORE).json()["answers"]]
    hear(worker, receipt, ASKED, reply_id=FIRST, **WAITS)
    answers.append(ask(api, receipt, "supplements", MORE).json()["answers"])
    hear(worker, receipt, CANCELLED, sequence=2, status="unverified")
    answers.append(ask(api, receipt, "supplements", MORE).json()["answers"])
    hear(worker, receipt, ASKED, sequence=3, reply_id=SECOND, **WAITS)
    answers.append(ask(api, receipt, "supplements", MORE).json()["answers"])

    assert shown(intake_db) == [None, FIRST, None, SECOND]
    assert answers == [False, True, False, True]


def test_what_follows_a_question_does_not_hide_it_and_what_comes_before_does_not_show_it(
    api, intake_db, receipt, worker
):
    hear(worker, receipt, "case.reply_written.v1", about="data_request", reply_id=FIRST)
    ask(api, receipt, "supplements", MORE)
    hear(worker, receipt, ASKED, reply_id=FIRST, **WAITS)
    hear(worker, receipt, "case.reclassified.v1", sequence=2, **WAITS)
    ask(api, receipt, "supplements", MORE)

    assert shown(intake_db) == [None, FIRST]


def test_who_joined_a_case_is_shown_no_question_of_before_that(api, intake_db, receipt, worker):
    """That its reporter was asked is told right after the merge."""
    hear(worker, receipt, "case.merged.v1", **WAITS)
    ask(api, receipt, "supplements", MORE)
    hear(worker, receipt, ASKED, sequence=2, reply_id=FIRST, **WAITS)
    ask(api, receipt, "supplements", MORE)

    assert shown(intake_db) == [None, FIRST]


def test_an_answer_that_is_sent_again_names_the_question_that_it_was_written_for(
    api, intake_db, receipt, worker
):
    hear(worker, receipt, ASKED, reply_id=FIRST, **WAITS)
    once = key()
    first = ask(api, receipt, "supplements", MORE, **once)
    hear(worker, receipt, "case.resumed.v1", sequence=2, status="unverified")
    hear(worker, receipt, ASKED, sequence=3, reply_id=SECOND, **WAITS)

    again = ask(api, receipt, "supplements", MORE, **once)

    assert (first.status_code, again.json()) == (202, first.json())
    assert shown(intake_db) == [FIRST]


def test_an_answer_is_never_noted_before_its_question(api, intake_db, receipt, worker):
    put_at = datetime.now(UTC) + timedelta(minutes=10)  # by the clock of who asked
    hear(worker, receipt, ASKED, reply_id=FIRST, at=put_at.isoformat(), **WAITS)

    noted = ask(api, receipt, "supplements", MORE).json()

    assert datetime.fromisoformat(noted["noted_at"]) == put_at
    [told] = said(intake_db, "report.supplemented.v1")
    assert datetime.fromisoformat(told["at"]) == put_at
    lines = [line["what"] for line in seen(api, receipt)["timeline"]]
    assert lines[-2:] == ["case.data_requested", "reporter.supplement"]


# --- with routing, whose clock is another one


class Between:
    """Brings what intake and routing say to each other, when a test wants it."""

    def __init__(self, worker, office):
        self._worker, self._office = worker, office
        self.lost = ()  # properties that an older intake does not say

    def carry(self):
        """First to routing, then back. What came before is known."""
        for event in _said(self._worker.db, "/intake/reports"):
            said = {name: v for name, v in event["data"].items() if name not in self.lost}
            _bring(event | {"data": said}, self._office.service.inbox)
        for event in _said(self._office.db, "/routing/cases", "/routing/replies"):
            _bring(event, self._worker.inbox)


def _bring(event, inbox):
    assert inbox.receive(json.dumps(event).encode(), ANYBODY) in ("done", "known")


def _said(db, *streams):
    attributes = "source, type, subject, time, sequence, correlationid, data"
    with db.begin() as tx:
        asked = f"SELECT event_id::text AS id, {attributes} FROM outbox WHERE source = ANY(:from_)"
        found = rows(tx, f"{asked} ORDER BY outbox.id", from_=[*streams])
        return [read(row._mapping).document() for row in found]


@pytest.fixture
def office(database):
    furnish(made := database("routing"))
    office = Office(made)
    yield office
    office.close()


@pytest.fixture
def between(worker, office):
    return Between(worker, office)


def tell(api, receipt, office, between):
    """The reporter adds something, asks what an officer asks, and reads it; and adds something
    else. How the case stands after the one and the other."""
    number = receipt["number"]
    between.carry()
    assert office.act(number, *ASK[:2], **ASK[2]).status_code == 200
    before = ask(api, receipt, "supplements", {"text": "Kemarin banjir lagi."})
    between.carry()
    stands = [office.case(number)["status"]]
    after = ask(api, receipt, "supplements", MORE)
    between.carry()
    assert [one.status_code for one in (before, after)] == [202, 202]
    return [*stands, office.case(number)["status"]], [one.json() for one in (before, after)]


@pytest.mark.parametrize("minutes", [-10, 10])
def test_clocks_ten_minutes_apart_tell_an_answer_from_what_was_written_before(
    api, receipt, office, between, clock, minutes
):
    clock.set(timedelta(minutes=minutes))

    stands, noted = tell(api, receipt, office, between)

    assert stands == ["awaiting_reporter", "unverified"]
    assert [one["answers"] for one in noted] == [False, True]
    followed = seen(api, receipt)
    assert followed["status"] == "unverified"
    lines = [line["what"] for line in followed["timeline"]]
    assert lines.index("case.data_requested") < lines.index("case.resumed")
    assert lines[-2:] == ["reporter.supplement", "case.resumed"]


def test_by_time_alone_what_was_written_before_would_be_taken_for_an_answer(
    api, receipt, office, between, clock
):
    """The negative control: as an intake says it that names no question. (How the other direction
    goes wrong is routing's to show: ours notes no answer before its question.)"""
    clock.set(timedelta(minutes=10))
    between.lost = ("question_id",)

    stands, _ = tell(api, receipt, office, between)

    assert stands == ["unverified", "unverified"]
