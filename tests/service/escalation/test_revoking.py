"""Whose right ends in routing has none in escalation within a second; four processes, a broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest

from deploy.local.broker import Broker
from tests.harness.databases import Database
from tests.harness.processes import ServiceProcess
from tests.harness.waiting import eventually
from tests.service.escalation.test_staffing import AWAY
from tests.service.routing.office import PASSWORD, furnish

pytestmark = pytest.mark.alone

SOON = 1.0  # seconds
ANOTHER = "another"  # administrator
OFFICERS = "/v1/officers"
NEW = "perahu kertas di teluk tamiang"


@dataclass
class Regency:
    """Where officers sign in, and where an administrator decrees."""

    routing: httpx.Client
    escalation: httpx.Client

    def sign_in(self, username: str = "administrator") -> dict[str, str]:
        body = {"username": username, "password": PASSWORD}
        token = self.routing.post(f"{OFFICERS}/sign-in", json=body).json()["token"]
        return {"Authorization": f"Bearer {token}"}

    def carried(self, session: dict[str, str]) -> dict[str, str]:
        """What this session shows to escalation."""
        given = self.routing.post(f"{OFFICERS}/token", json={}, headers=session).json()
        return {"Authorization": f"Bearer {given['token']}"}

    def decree(self, carried: dict[str, str]) -> int:
        body = AWAY | {"effective_from": "2099-01-01"}
        return self.escalation.post("/v1/posts", json=body, headers=carried).status_code


@pytest.fixture
def regency(
    database: Callable[[str], Database], run: Callable[..., ServiceProcess], broker: Broker
) -> Iterator[Regency]:
    made = {name: database(name) for name in ("routing", "escalation")}
    furnish(made["routing"])
    made["routing"].psql(
        "INSERT INTO officer (id, username, role, password_hash, must_change_password, created_at)"
        " SELECT %s, %s, role, password_hash, false, now() FROM officer"
        " WHERE username = 'administrator'", [str(uuid4()), ANOTHER],
    )  # fmt: skip
    for name, one in made.items():
        run("worker", one, AMQP_URI=broker.uri(name))
    urls = [run("api", one).url for one in made.values()]
    with httpx.Client(base_url=urls[0]) as routing, httpx.Client(base_url=urls[1]) as escalation:
        yield Regency(routing, escalation)


def signed_out(regency: Regency, session: dict[str, str]) -> Any:
    return regency.routing.post(f"{OFFICERS}/sign-out", headers=session)


def disabled(regency: Regency, session: dict[str, str]) -> Any:
    path = f"{OFFICERS}/administrator/disabling"
    return regency.routing.post(path, headers=regency.sign_in(ANOTHER))


def given_a_new_first_password(regency: Regency, session: dict[str, str]) -> Any:
    path = f"{OFFICERS}/administrator/first-password"
    return regency.routing.post(path, headers=regency.sign_in(ANOTHER))


def with_another_password(regency: Regency, session: dict[str, str]) -> Any:
    body = {"password": PASSWORD, "new_password": NEW}
    return regency.routing.post(f"{OFFICERS}/password", json=body, headers=session)


@pytest.mark.parametrize(
    "end", [signed_out, disabled, given_a_new_first_password, with_another_password]
)
def test_what_an_administrator_carries_ends_with_the_right_behind_it(
    regency: Regency, end: Callable[[Regency, dict[str, str]], Any]
) -> None:
    session, others = regency.sign_in(), regency.carried(regency.sign_in(ANOTHER))
    carried = regency.carried(session)
    assert regency.decree(carried) == 201

    assert end(regency, session).is_success

    eventually(lambda: regency.decree(carried) == 401, "its tokens are refused", SOON)
    assert regency.decree(others) == 201
