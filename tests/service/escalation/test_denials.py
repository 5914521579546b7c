"""An officer who is refused here leaves a record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from chassis import cli
from chassis.repeats import MOST
from services.escalation.models import Denial
from services.escalation.ombudsman import records as proof
from tests.service.escalation.desk import WHO, Desk
from tests.service.escalation.test_deadlines import OTHER, Window
from tests.service.escalation.test_staffing import AWAY
from tests.service.escalation.tower import NUMBER, Tower

SHOWN = "/v1/cases/{number}/deadlines"


def records(tower: Tower) -> list[tuple[Any, ...]]:
    return tower.database.psql(
        "SELECT officer_id::text, method, route, status, number, times FROM denial ORDER BY id"
    )


def test_who_is_no_administrator_is_on_record(tower: Tower, desk: Desk) -> None:
    assert desk.ask("POST", "posts", AWAY, role="supervisor").status_code == 403
    assert desk.ask("POST", "posts", AWAY).status_code == 201

    assert records(tower) == [(str(WHO), "POST", "/v1/posts", 403, None, 1)]


def test_an_officer_with_the_token_of_another_case_is_and_a_reporter_is_not(
    tower: Tower, secrets_folder: Path
) -> None:
    window = Window(tower, secrets_folder)
    tower.open()
    of_other = window.token("routing", number=OTHER)

    assert window.ask(token=of_other).status_code == 404
    assert window.ask(token=of_other, number="KTB-00000-00001").status_code == 404
    assert window.ask(token=window.token("intake", number=OTHER)).status_code == 404

    wanted = [(str(WHO), "GET", SHOWN, 404, number, 1) for number in (NUMBER, None)]
    assert records(tower) == wanted


def test_a_case_of_others_is_refused_by_the_same_statements_as_one_that_is_none(
    tower: Tower, secrets_folder: Path
) -> None:
    """Which bring as many rows: one more takes longer, and that can be measured."""
    window, asked = Window(tower, secrets_folder), []
    tower.open()
    of_other = window.token("routing", number=OTHER)

    def note(_: Any, cursor: Any, statement: str, *__: Any) -> None:
        asked.append((statement, cursor.rowcount))

    def refused(number: str) -> list[tuple[str, int]]:
        asked.clear()
        assert window.ask(token=of_other, number=number).status_code == 404
        return list(asked)

    sa.event.listen(tower.db.engine, "after_cursor_execute", note)
    try:
        assert refused(NUMBER) == refused("KTB-00000-00001") != []
    finally:
        sa.event.remove(tower.db.engine, "after_cursor_execute", note)


def test_many_in_a_minute_are_counted(tower: Tower, desk: Desk) -> None:
    for _ in range(MOST + 5):
        desk.ask("GET", "posts", role="liaison")
    tower.at("2026-11-02 12:00")
    desk.ask("GET", "posts", role="liaison")

    assert [times for *_, times in records(tower)] == [1] * MOST + [5, 1]


@pytest.mark.parametrize("change", [sa.delete(Denial), sa.update(Denial).values(times=1)])
def test_no_record_is_taken_back(tower: Tower, change: Any) -> None:
    with pytest.raises(DBAPIError, match="permission denied"), tower.db.begin() as tx:
        tx.execute(change)


def test_the_operator_reads_them(tower: Tower, desk: Desk, monkeypatch, capsys) -> None:
    desk.ask("GET", "posts", role="liaison")

    monkeypatch.setattr(cli, "settings", lambda _: tower.settings)
    since = tower.clock.now().isoformat()
    monkeypatch.setattr("sys.argv", ["escalation", "denials", "--since", since])
    cli.main("escalation")

    assert capsys.readouterr().out == f"{since} {WHO} GET /v1/posts 403 - 1\n"


def test_the_ombudsman_is_told_that_and_neither_who_nor_what(tower: Tower, desk: Desk) -> None:
    for _ in range(MOST + 5):
        desk.ask("GET", "posts", role="liaison")
    tower.at("2026-11-02 12:00")
    desk.ask("GET", "posts", role="liaison")
    tower.append()

    told = tower.entries("monitoring")
    assert {(e["type"], e["subject"]) for e in told} == {("feed.access.denied.v1", "access")}
    assert [e["data"].keys() for e in told] == [{"id", "record"}] * (MOST + 2)
    assert str(WHO) not in str(told)
    assert broken(tower) is None


def broken(tower: Tower) -> str | None:
    with tower.db.begin() as tx:
        return proof.first_broken(tx)


@pytest.mark.parametrize("appended", [True, False])
@pytest.mark.parametrize(
    ("forgery", "found"),
    [
        ("UPDATE denial SET officer_id = gen_random_uuid() WHERE id = {0}", "{0} was changed"),
        ("UPDATE denial SET at = at + interval '1 second' WHERE id = {1}", "{1} was changed"),
        ("UPDATE denial SET number = 'KTB-12345-67890' WHERE id = {1}", "{1} was changed"),
        ("DELETE FROM denial WHERE id = {1}", "{1} is gone"),
        ("TRUNCATE denial", "{0} is gone"),
        ("INSERT INTO denial OVERRIDING SYSTEM VALUE SELECT {1} + 1, at, officer_id, method, route,"
         " status, number, times FROM denial WHERE id = {0}", "{2} was never told"),
    ],
)  # fmt: skip
def test_a_record_that_is_rewritten_is_found_and_named(
    tower: Tower, desk: Desk, forgery: str, found: str, appended: bool
) -> None:
    """By whoever owns the table, to whom nothing is refused."""
    for path in ("posts", "amendments"):
        assert desk.ask("GET", path, role="liaison").status_code == 403
    if appended:
        tower.append()
    first, second = (id for (id,) in tower.database.psql("SELECT id FROM denial ORDER BY id"))
    names = (first, second, second + 1)
    assert broken(tower) is None

    tower.database.psql("ALTER TABLE denial DISABLE TRIGGER USER")
    tower.database.psql(forgery.format(*names))
    tower.database.psql("ALTER TABLE denial ENABLE TRIGGER USER")

    assert broken(tower) == f"denial {found.format(*names)}"
