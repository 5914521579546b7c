"""Whoever is signed in and refused leaves a record, and no record says more than it may."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from chassis import cli
from chassis.repeats import MOST
from services.routing.models import Denial
from tests.service.routing.office import ANSWER, Office

ANSWERING = "/v1/cases/{number}/answer"


@pytest.fixture(autouse=True)
def whole_minute(office: Office) -> None:
    """A minute begins: what is counted within it is not cut in two."""
    now = office.clock.now()
    office.clock.moved += timedelta(minutes=2, seconds=-now.second)


def records(office: Office) -> list[tuple[Any, ...]]:
    return office.database.psql(
        "SELECT username, method, route, status, number, times FROM denial"
        " JOIN officer ON officer.id = officer_id ORDER BY denial.id"
    )


def added(office: Office, before: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return records(office)[len(before) :]


def test_a_case_of_others_is_on_record_with_its_number(office: Office) -> None:
    number, before = office.bring("in_progress"), records(office)

    assert office.ask("GET", f"/v1/cases/{number}", as_="stranger").status_code == 404
    assert office.act(number, "answer", "stranger", **ANSWER[2]).status_code == 404
    assert office.act(number, "answer", "supporter", **ANSWER[2]).status_code == 403

    assert added(office, before) == [
        ("stranger", "GET", "/v1/cases/{number}", 404, number, 1),
        ("stranger", "POST", ANSWERING, 404, number, 1),
        ("supporter", "POST", ANSWERING, 403, number, 1),
    ]


def test_what_was_typed_as_a_number_is_not_kept(office: Office) -> None:
    before = records(office)

    answer = office.ask("GET", "/v1/cases/siti.rahmah@surel.example", as_="stranger")

    assert answer.status_code == 404
    assert added(office, before) == [("stranger", "GET", "/v1/cases/{number}", 404, None, 1)]


def test_a_case_that_is_named_in_a_body_is_on_record_too(office: Office) -> None:
    own, foreign = office.bring("unverified"), office.open(agency="diskominfo")
    before = records(office)

    answer = office.act(own, "merge", "coordinator", into=foreign, reason="the same hole")

    assert answer.status_code == 422
    merge = "/v1/cases/{number}/merge"
    assert added(office, before) == [("coordinator", "POST", merge, 422, foreign, 1)]


def test_a_hidden_case_is_refused_by_the_same_statements_as_one_that_is_none(
    office: Office,
) -> None:
    """Which bring as many rows: one more takes longer, and that can be measured."""
    asked: list[tuple[str, int]] = []

    def note(_: Any, cursor: Any, statement: str, *__: Any) -> None:
        asked.append((statement, cursor.rowcount))

    def refused(number: str) -> list[tuple[str, int]]:
        asked.clear()
        assert office.ask("GET", f"/v1/cases/{number}", as_="stranger").status_code == 404
        assert office.act(number, "answer", "stranger", **ANSWER[2]).status_code == 404
        return list(asked)

    hidden = office.bring("in_progress")
    refused(hidden)  # and the session's last minute is noted
    sa.event.listen(office.db.engine, "after_cursor_execute", note)
    try:
        assert refused(hidden) == refused("KTB-00000-00000")
    finally:
        sa.event.remove(office.db.engine, "after_cursor_execute", note)


def test_the_work_of_an_administrator_is_on_record_without_a_number(office: Office) -> None:
    before = records(office)

    assert office.ask("GET", "/v1/officers", as_="liaison").status_code == 403

    assert added(office, before) == [("liaison", "GET", "/v1/officers", 403, None, 1)]


def test_who_may_or_is_nobody_leaves_no_record(office: Office) -> None:
    number, before = office.bring("disposed"), records(office)

    assert office.ask("GET", f"/v1/cases/{number}", as_="liaison").status_code == 200
    assert office.act(number, "answer", "liaison", **ANSWER[2]).status_code == 409  # not yet
    assert office.ask("GET", f"/v1/cases/{number}").status_code == 401
    body = {"name": "Dinas", "active": True}
    corrected = office.ask("PUT", "/v1/agencies/none", body, "administrator")
    assert corrected.status_code == 404

    assert added(office, before) == []


def test_who_tries_by_the_thousand_is_counted_and_fills_no_disk(office: Office) -> None:
    before, tried = records(office), 3 * MOST
    for _ in range(tried):
        office.ask("GET", "/v1/officers", as_="stranger")
    assert len(added(office, before)) == MOST

    office.clock.moved += timedelta(minutes=1)
    office.ask("GET", "/v1/officers", as_="liaison")

    wanted = [("stranger", "GET", "/v1/officers", 403, None, times) for times in [1] * MOST]
    wanted.append(("stranger", "GET", "/v1/officers", 403, None, tried - MOST))
    wanted.append(("liaison", "GET", "/v1/officers", 403, None, 1))
    assert added(office, before) == wanted


@pytest.mark.parametrize("change", [sa.delete(Denial), sa.update(Denial).values(times=1)])
def test_no_record_is_taken_back(office: Office, change: Any) -> None:
    office.ask("GET", "/v1/officers", as_="stranger")

    with pytest.raises(DBAPIError, match="permission denied"), office.db.begin() as tx:
        tx.execute(change)


def test_a_denial_that_cannot_be_written_down_is_no_denial(office: Office) -> None:
    """The client is told to come again; whatever it was, it was not done."""
    office.token("stranger")
    office.database.psql("ALTER TABLE denial RENAME TO denial_away")
    try:
        answer = office.ask("GET", "/v1/officers", as_="stranger")
    finally:
        office.database.psql("ALTER TABLE denial_away RENAME TO denial")

    assert answer.status_code >= 500


def test_the_operator_reads_who_tried_what(office: Office, monkeypatch, capsys) -> None:
    office.later(hours=1)  # what the other tests did is of before
    number, since = office.bring("disposed"), office.clock.now()
    office.ask("GET", f"/v1/cases/{number}", as_="stranger")
    office.ask("GET", "/v1/officers", as_="stranger")

    monkeypatch.setattr(cli, "settings", lambda _: office.settings)
    monkeypatch.setattr("sys.argv", ["routing", "denials", "--since", since.isoformat()])
    cli.main("routing")

    told = [line.split(" ", 1)[1] for line in capsys.readouterr().out.splitlines()]
    assert told == [
        f"stranger GET /v1/cases/{{number}} 404 {number} 1",
        "stranger GET /v1/officers 403 - 1",
    ]
