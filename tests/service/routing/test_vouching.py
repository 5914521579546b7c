"""Routing tells other services who is signed in, and which case an officer may see."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from chassis.tokens import LIFETIME, Reader
from tests.service.routing.office import PASSWORD, STAFF, STAFF_KEY, Office

PUBLIC = {n: v for n, v in json.loads(STAFF_KEY).items() if n != "d"}
READER = Reader("routing", "escalation", json.dumps({"keys": [PUBLIC]}).encode(), "KEYS")


def claims(office: Office, answer: Any, scope: str) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    said = READER.read(answer.json["token"], scope, office.clock.now())
    assert said is not None
    return said


@pytest.mark.parametrize("who", STAFF)
def test_an_officer_is_told_by_id_role_and_agency_and_never_by_name(office: Office, who: str):
    said = claims(office, office.ask("POST", "/v1/officers/token", {}, as_=who), "officer")
    [(id,)] = office.database.psql("SELECT id::text FROM officer WHERE username = %s", [who])

    agency, role = STAFF[who]
    assert (said["sub"], said["role"], said["agency"]) == (id, role, agency)
    assert set(said) == {"iss", "aud", "sub", "scope", "role", "agency", "grant", "exp",
                         "jti"}  # fmt: skip


def test_a_case_is_vouched_for_to_who_may_see_it_and_to_nobody_else(office: Office):
    number = office.bring("disposed")
    for who in STAFF:
        seen = office.ask("GET", f"/v1/cases/{number}", as_=who).status_code
        answer = office.ask("POST", f"/v1/cases/{number}/token", {}, as_=who)
        assert answer.status_code == seen
        if seen == 200:
            assert claims(office, answer, "case")["sub"] == number


def test_the_accused_unit_gets_no_token_for_the_case(office: Office):
    number = office.open(agency="diskominfo")  # the coordinator's own seat

    assert office.ask("POST", f"/v1/cases/{number}/token", {}, as_="coordinator").status_code == 404
    assert office.ask("POST", f"/v1/cases/{number}/token", {}, as_="arbiter").status_code == 200


def test_a_token_for_an_unknown_service_is_refused_by_field(office: Office):
    answer = office.ask("POST", "/v1/officers/token", {"service": "payroll"}, as_="liaison")

    assert answer.status_code == 422
    assert answer.json["errors"] == [
        {"field": "service", "rule": "one_of", "message": "Must be one of: escalation."}
    ]


@pytest.mark.parametrize("scope", ["officer", "case"])
def test_what_decrees_ends_after_a_minute_and_what_shows_after_five(office: Office, scope: str):
    path = "officers" if scope == "officer" else f"cases/{office.bring('disposed')}"
    answer = office.ask("POST", f"/v1/{path}/token", {}, as_="liaison")
    claims(office, answer, scope)

    lasts = {"officer": timedelta(minutes=1), "case": LIFETIME}[scope]
    token, now = answer.json["token"], office.clock.now()
    assert READER.read(token, scope, now + lasts - timedelta(seconds=5)) is not None
    assert READER.read(token, scope, now + lasts) is None


def test_no_token_outlives_its_session(office: Office):
    session = office.sign_in("liaison").json
    header = {"Authorization": f"Bearer {session['token']}"}
    ends = datetime.fromisoformat(session["expires_at"])
    for _ in range(36):  # never idle, until twelve hours are nearly over
        office.clock.moved += timedelta(minutes=20, seconds=-1)
        office.ask("GET", "/v1/officers/me", **header)

    given = office.ask("POST", "/v1/officers/token", {}, **header).json

    assert ends - timedelta(seconds=1) < datetime.fromisoformat(given["expires_at"]) <= ends


def sign_out(office: Office, session: str) -> Any:
    return office.ask("POST", "/v1/officers/sign-out", Authorization=f"Bearer {session}")


def change_password(office: Office, session: str) -> Any:
    """To another one and back, as the other tests know it."""
    words = [PASSWORD, "perahu kertas di teluk tamiang", PASSWORD]
    for old, new in pairwise(words):
        body, header = {"password": old, "new_password": new}, f"Bearer {session}"
        answer = office.ask("POST", "/v1/officers/password", body, Authorization=header)
        session = answer.json["token"]
    return answer


def disable(office: Office, session: str) -> Any:
    return office.ask("POST", "/v1/officers/stranger/disabling", as_="administrator")


def reset(office: Office, session: str) -> Any:
    return office.ask("POST", "/v1/officers/stranger/first-password", as_="administrator")


@pytest.fixture
def restored(office: Office) -> Iterator[None]:
    """The stranger's account is as it was."""
    kept = office.database.psql("SELECT password_hash FROM officer WHERE username = 'stranger'")
    yield
    office.database.psql(
        "UPDATE officer SET password_hash = %s, must_change_password = false, disabled_at = NULL"
        " WHERE username = 'stranger'", [*kept[0]],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("end", "ended"), [(sign_out, 1), (change_password, 3), (disable, 2), (reset, 2)]
)
@pytest.mark.usefixtures("restored")
def test_the_end_of_a_session_is_said_by_its_grant_and_nobodys_name(
    office: Office, end: Callable[[Office, str], Any], ended: int
):
    stranger = "(SELECT id FROM officer WHERE username = 'stranger')"
    office.database.psql(f"DELETE FROM session WHERE officer_id = {stranger}")
    sessions = [office.sign_in("stranger").json["token"] for _ in range(2)]
    grants = {}
    for session in sessions:
        answer = office.ask("POST", "/v1/officers/token", {}, Authorization=f"Bearer {session}")
        grants[session] = claims(office, answer, "officer")["grant"]
    before = len(office.said("grants"))

    assert end(office, sessions[0]).status_code < 300

    said = [data for _, data in office.said("grants")[before:]]
    assert [set(data) for data in said] == [{"grant", "at"}] * ended
    of_these = {grants[sessions[0]]} if end is sign_out else set(grants.values())
    assert of_these <= {data["grant"] for data in said}
