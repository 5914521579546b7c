"""Whoever works for a desk is nothing to a case that complains about where that desk sits, from
whichever office they work for it."""

from __future__ import annotations

import secrets
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from services.routing import models
from services.routing.life import Actor, Role
from tests.service.routing.office import ANSWER, CANCEL, FOLLOW_UP, QUICK, VERIFY, Office
from tests.service.routing.test_routing_access import BODIES

# Role, agency, and both agencies whose complaints are not theirs to know.
ELSEWHERE = {
    "second-coordinator": (Role.COORDINATOR, "dpupr", {"diskominfo", "dpupr"}),
    "coordinator-in-setda": (Role.COORDINATOR, "setda", {"diskominfo", "setda"}),
    "second-arbiter": (Role.ARBITER, "dlh", {"setda", "dlh"}),
    "second-supervisor": (Role.SUPERVISOR, "dishub", {"inspektorat", "dishub"}),
}
ACCUSED = ("diskominfo", "setda", "inspektorat", "dpupr", "dlh", "dishub")


@pytest.fixture(scope="module", autouse=True)
def _accounts(office: Office) -> None:
    """As they could be made before agencies were looked at."""
    with office.db.begin() as tx:
        for username, (role, agency, _) in ELSEWHERE.items():
            officer = models.Officer(
                id=uuid4(), username=username, agency=agency, role=role, password_hash=QUICK,
                must_change_password=False, created_at=sa.func.now(),
            )  # fmt: skip
            tx.add(officer)


def against(office: Office, accused: str) -> str:
    """A case that complains about that agency."""
    number = office.open()
    body = VERIFY[2] | {"complains_about": accused}
    assert office.act(number, "verification", "coordinator", **body).status_code == 200
    return number


def listed(office: Office, as_: str) -> set[str]:
    answer = office.ask("GET", "/v1/cases?limit=100", as_=as_)
    return {item["number"] for item in answer.json["items"]}


def knows(office: Office, number: str, as_: str) -> bool:
    """Whether the case is shown, listed and vouched for; never one without the others."""
    shown = office.ask("GET", f"/v1/cases/{number}", as_=as_).status_code
    vouched = office.ask("POST", f"/v1/cases/{number}/token", {}, as_=as_).status_code
    assert shown == vouched == (200 if number in listed(office, as_) else 404)
    return shown == 200


@pytest.mark.parametrize("as_", ELSEWHERE)
def test_neither_their_own_office_nor_their_desks_is_theirs_to_hear_complaints_of(
    office: Office, as_: str
) -> None:
    numbers = {accused: against(office, accused) for accused in ACCUSED}

    hidden = {accused for accused, number in numbers.items() if not knows(office, number, as_)}

    assert hidden == ELSEWHERE[as_][2]


def test_a_rule_that_looks_at_the_agency_alone_shows_it_to_the_accused_desk(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = against(office, "setda")
    monkeypatch.setattr(Actor, "offices", property(lambda self: frozenset({self.agency})))

    assert knows(office, number, "second-arbiter")


def test_nobody_of_the_accused_desk_acts_on_it_or_merges_into_it(office: Office) -> None:
    number, other = against(office, "diskominfo"), office.open()
    before = office.said(number)

    for verb, body in (BODIES | {"data-request/cancellation": CANCEL[2]}).items():
        into = {"into": other} if verb == "merge" else {}
        assert office.act(number, verb, "second-coordinator", **body, **into).status_code == 404
    merged = office.act(other, "merge", "second-coordinator", into=number, reason="the same")

    assert merged.status_code == 422
    assert merged.json["errors"][0] | {"message": ""} == {
        "field": "into", "rule": "known", "message": "",
    }  # fmt: skip
    assert office.said(number) == before


def test_what_follows_it_is_kept_from_them_too(office: Office) -> None:
    parent, number = office.open(), against(office, "setda")
    assert office.act(parent, "verification", "coordinator", **VERIFY[2]).status_code == 200

    merged = office.act(number, "merge", "coordinator", into=parent, reason="the same")

    assert merged.status_code == 200, merged.text
    assert not knows(office, parent, "second-arbiter")
    assert office.ask("GET", f"/v1/cases/{number}", as_="second-arbiter").status_code == 404


def test_evidence_tells_them_of_no_case_that_is_not_theirs_to_know(office: Office) -> None:
    file = {"title": "Foto sesudah perbaikan", "sha256": secrets.token_hex(32)}
    numbers = [against(office, "inspektorat"), office.open()]
    assert office.act(numbers[1], "verification", "coordinator", **VERIFY[2]).status_code == 200
    for number in numbers:
        for verb, as_, body in (
            ("disposition", "coordinator", {"agency": "dpupr"}),
            FOLLOW_UP,
            ("answer", "liaison", ANSWER[2] | {"evidence": [file]}),
        ):
            assert office.act(number, verb, as_, **body).status_code == 200

    def also_in(as_: str) -> list[str]:
        files = [f for reply in office.case(numbers[1], as_)["replies"] for f in reply["evidence"]]
        return [number for file in files for number in file["also_in"]]

    assert also_in("arbiter") == numbers[:1]
    assert also_in("second-supervisor") == []


@pytest.mark.parametrize("role", ["coordinator", "arbiter", "supervisor"])
@pytest.mark.parametrize(
    ("agency", "refused"),
    [("diskominfo", False), ("setda", False), ("inspektorat", False), ("dlh", True)],
)
def test_a_desks_account_is_made_where_a_desk_sits(
    office: Office, role: str, agency: str, refused: bool
) -> None:
    body: dict[str, Any] = {"username": f"{role}-{agency}", "role": role, "agency": agency}

    made = office.ask("POST", "/v1/officers", body, as_="administrator")

    assert made.status_code == (422 if refused else 201), made.text
    if refused:
        assert [(e["field"], e["rule"]) for e in made.json["errors"]] == [("agency", "seat")]
