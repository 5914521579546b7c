"""Routing tells other services who is signed in, and which case an officer may see."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chassis.tokens import LIFETIME, Reader
from tests.service.routing.office import STAFF, STAFF_KEY, Office

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
    assert set(said) == {"iss", "aud", "sub", "scope", "role", "agency", "exp", "jti"}


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


def test_it_ends_after_five_minutes(office: Office):
    answer = office.ask("POST", "/v1/officers/token", {}, as_="liaison")
    claims(office, answer, "officer")

    assert READER.read(answer.json["token"], "officer", office.clock.now() + LIFETIME) is None
