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
