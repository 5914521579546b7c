"""What an officer carries here holds no longer than the session that it was given under."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from chassis.tokens import LIFETIME
from tests.service.escalation.desk import DAY, GRANT, HOSPITAL, LIMIT, RUNG, Desk
from tests.service.escalation.test_deadlines import Window
from tests.service.escalation.test_staffing import AWAY
from tests.service.escalation.tower import Tower


def end(tower: Tower, grant: object = GRANT) -> None:
    assert tower.hear("grant.ended.v1", "grants", grant=str(grant)) == "done"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "limits", None),
        ("POST", "limits", LIMIT),
        ("POST", "ladder", RUNG),
        ("POST", "posts", AWAY),
        ("POST", "calendars", HOSPITAL),
        ("POST", "calendars/regency/days", DAY),
        ("PUT", "ombudsman/target", {"url": None}),
        ("POST", "ombudsman/target/confirmation", {"url": None}),
    ],
)
def test_who_is_signed_out_reads_and_decrees_nothing(
    tower: Tower, desk: Desk, method: str, path: str, body: Any
) -> None:
    assert desk.ask(method, path, body).status_code in (200, 201, 409)

    end(tower)

    assert desk.ask(method, path, body).status_code == 401


def test_who_is_signed_out_sees_no_case_either_and_its_reporter_does(
    tower: Tower, secrets_folder: Path
) -> None:
    window = Window(tower, secrets_folder)
    tower.open()
    officers, reporters = window.token("routing"), window.token("intake")

    end(tower)

    assert window.ask(token=officers).status_code == 401
    assert window.ask(token=reporters).status_code == 200


def test_the_end_of_one_session_is_no_end_of_another(tower: Tower, desk: Desk) -> None:
    end(tower, uuid4())

    assert desk.ask("GET", "limits").status_code == 200


def test_an_end_that_is_heard_twice_is_one_end(tower: Tower, desk: Desk) -> None:
    """Routing was set back, and its session ended again."""
    end(tower)
    end(tower)

    assert desk.ask("GET", "limits").status_code == 401


def test_a_token_that_names_no_session_is_nobodys(tower: Tower, desk: Desk) -> None:
    told = {"role": "administrator", "agency": None}
    old = desk.issuer.issue("escalation", "officer", str(uuid4()), tower.clock.now(), **told)
    headers = {"Authorization": f"Bearer {old['token']}"}

    assert desk.client.simulate_get("/v1/limits", headers=headers).status_code == 401


def test_an_end_is_kept_as_long_as_a_token_could_be_shown(tower: Tower) -> None:
    end(tower)

    tower.clock.at += LIFETIME
    tower.service.forget_grants()
    assert tower.count("SELECT count(*) FROM ended_grant") == 1

    tower.clock.at += timedelta(minutes=10)
    tower.service.forget_grants()
    assert tower.count("SELECT count(*) FROM ended_grant") == 0
