"""The receiver is told that a stream has moved: signed, again until it is taken, and no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from falcon import testing

from chassis.clock import Clock
from chassis.errors import Unauthorized
from chassis.tokens import Issuer
from services.escalation import api
from services.escalation.ombudsman import pokes, webhooks
from tests.harness.processes import ServiceProcess
from tests.harness.waiting import eventually
from tests.service.escalation.office import Office
from tests.service.escalation.reader import Reader, public
from tests.service.escalation.receiver import Receiver, outcomes, set_target
from tests.service.escalation.tower import NUMBER, Tower

TARGET, CONFIRMATION = "/v1/ombudsman/target", "/v1/ombudsman/target/confirmation"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def poke(tower: Tower) -> None:
    """Whatever is due now."""
    while pokes.turn(tower.db, tower.clock, tower.service.signers, inside=True):
        pass


def test_a_poke_says_that_a_stream_has_moved_and_nothing_of_what_is_in_it(
    bare_tower: Tower, receiver: Receiver, reader: Reader
) -> None:
    set_target(bare_tower, receiver.url)
    bare_tower.write(3)

    poke(bare_tower)

    [(headers, body)] = receiver.heard
    told = json.loads(body)
    assert told == {
        "type": "feed.moved", "timestamp": "2026-11-02T02:00:00Z",
        "data": {"stream": "monitoring", "cursor": reader.end()["cursor"]},
    }  # fmt: skip
    assert NUMBER not in body.decode() + str(headers)
    [jwk] = reader.get("/v1/ombudsman/keys")["keys"]
    assert webhooks.verify(headers, body, [public(jwk)], Clock().now()).id == receiver.ids[0]
    with pytest.raises(Unauthorized):
        webhooks.verify(headers, body + b" ", [public(jwk)], Clock().now())


def test_a_stream_that_stands_still_pokes_once_and_each_stream_for_itself(
    bare_tower: Tower, receiver: Receiver
) -> None:
    set_target(bare_tower, receiver.url)
    bare_tower.write(3)
    for _ in range(3):
        poke(bare_tower)
        bare_tower.clock.at += timedelta(minutes=5)
    assert receiver.moved == ["monitoring"]

    bare_tower.write(1, "handovers")
    poke(bare_tower)
    assert receiver.moved == ["monitoring", "handovers"]


def test_nobody_is_poked_without_a_confirmed_target(bare_tower: Tower, receiver: Receiver) -> None:
    bare_tower.write(3)
    bare_tower.database.psql(
        "INSERT INTO feed_target (url, proposed_by, proposed_at)"
        " VALUES (%s, gen_random_uuid(), now())", [receiver.url],
    )  # fmt: skip

    poke(bare_tower)

    assert receiver.heard == []


@pytest.mark.parametrize("status", [500, 302, 404, 410])
def test_what_is_not_taken_is_tried_again_later_under_the_same_id(
    bare_tower: Tower, receiver: Receiver, status: int
) -> None:
    set_target(bare_tower, receiver.url)
    receiver.statuses = [status, status, 204]
    bare_tower.write(1)

    waits = []
    while "delivered" not in outcomes(bare_tower):
        poke(bare_tower)
        bare_tower.write(1)  # goes on meanwhile, and makes no heap of pokes
        [(next_try,)] = bare_tower.database.psql("SELECT max(next_try_at) FROM feed_poke")
        if next_try:
            waits.append((next_try - bare_tower.clock.at).total_seconds())
            bare_tower.clock.at = next_try

    assert len(set(receiver.ids[:3])) == 1
    assert len({body for _, body in receiver.heard[:3]}) == 1
    assert len(receiver.ids) == 4  # and one for all that came meanwhile
    assert waits[0] < waits[1]


def test_three_days_of_silence_lose_nothing_and_then_the_next_poke_tells(
    bare_tower: Tower, receiver: Receiver, reader: Reader
) -> None:
    set_target(bare_tower, receiver.url)
    receiver.statuses = [503]
    bare_tower.write(2)
    end = bare_tower.clock.at + timedelta(days=3)
    while bare_tower.clock.at < end + timedelta(hours=2):
        poke(bare_tower)
        bare_tower.clock.at += timedelta(minutes=30)
    assert outcomes(bare_tower)[0] == "expired"
    assert 50 < receiver.ids.count(receiver.ids[0]) < 200

    receiver.statuses = [204]
    bare_tower.write(1)
    poke(bare_tower)

    assert outcomes(bare_tower)[-1] == "delivered"
    assert [event["position"] for event in reader.all()] == [1, 2, 3]


def test_a_process_that_dies_while_it_pokes_costs_one_more_at_the_most(
    bare_tower: Tower, receiver: Receiver
) -> None:
    set_target(bare_tower, receiver.url)
    bare_tower.write(1)
    poke(bare_tower)
    bare_tower.database.psql(
        "UPDATE feed_poke SET outcome = NULL, settled_at = NULL, next_try_at = %s",
        [bare_tower.clock.at + pokes.LEASE],
    )  # as it stood between the answer and its being written down

    poke(bare_tower)
    bare_tower.clock.at += pokes.LEASE
    poke(bare_tower)

    assert len(receiver.ids) == 2
    assert len(set(receiver.ids)) == 1


def test_no_poke_goes_inside_in_production(bare_tower: Tower, receiver: Receiver) -> None:
    set_target(bare_tower, receiver.url)
    bare_tower.write(1)

    pokes.turn(bare_tower.db, bare_tower.clock, bare_tower.service.signers)

    assert receiver.heard == []
    assert outcomes(bare_tower) == [None]


def test_a_target_that_is_taken_away_ends_what_was_to_be_told(
    bare_tower: Tower, receiver: Receiver
) -> None:
    set_target(bare_tower, receiver.url)
    receiver.statuses = [500]
    bare_tower.write(1)
    poke(bare_tower)

    set_target(bare_tower, None)
    poke(bare_tower)

    assert outcomes(bare_tower) == ["withdrawn"]


def lag(worker: ServiceProcess) -> float | None:
    """For how long something blocked a worker's hub in the last minute, once that was measured."""
    shown = 'lapor_hub_lag_seconds{service="escalation"} '
    told = [line for line in worker.metrics().splitlines() if line.startswith(shown)]
    return float(told[0].split()[-1]) if told else None


@pytest.mark.alone
def test_a_receiver_that_hangs_disturbs_no_other_work(office: Office, receiver: Receiver) -> None:
    receiver.hanging.clear()
    office.open_here()
    worker = office.start(POKE_INSIDE="true")
    started = eventually(lambda: lag(worker), "how long its start blocked it")
    set_target(office.tower, receiver.url)
    eventually(lambda: receiver.heard, "it hangs", seconds=40)

    office.open_more()
    eventually(lambda: office.count("SELECT count(*) FROM case_state") == 13, seconds=20)
    assert (lag(worker) or 0.0) <= max(started, 1)

    receiver.hanging.set()
    delivered = "SELECT count(*) FROM feed_poke WHERE outcome = 'delivered'"
    eventually(lambda: office.count(delivered) >= 1, seconds=60)


class Administrators:
    """Two of them, and an officer who is none."""

    def __init__(self, tower: Tower, secrets: Path) -> None:
        self._client = testing.TestClient(api.app(tower.settings, tower.db, tower.clock))
        self._issuer = Issuer("routing", (secrets / "staff-token-key.json").read_bytes(), "x")
        self._clock = tower.clock
        self.before = tower.clock.now() - timedelta(days=1)
        self.first, self.second = self.token(), self.token()
        self.supervisor = self.token(role="supervisor")

    def token(
        self, *by: UUID, id: UUID | None = None, at: datetime | None = None,
        role: str = "administrator", known: bool = True,
    ) -> str:  # fmt: skip
        """Of an account that got its first password `at` that time, from the first of `by`."""
        told = {"role": role, "agency": "diskominfo", "grant": str(uuid4())}
        handed = {"handed_at": (at or self.before).isoformat(), "handed_by": list(map(str, by))}
        subject, now = str(id or uuid4()), self._clock.now()
        claims = told | handed if known else told
        return str(self._issuer.issue("escalation", "officer", subject, now, **claims)["token"])

    def ask(self, who: str, method: str, path: str, url: Any = "") -> testing.Result:
        body = None if method == "GET" else {"url": url}
        headers = {"Authorization": f"Bearer {who}"}
        return self._client.simulate_request(method, path, json=body, headers=headers)


@pytest.fixture
def office_staff(bare_tower: Tower, secrets_folder: Path) -> Administrators:
    return Administrators(bare_tower, secrets_folder)


URL = "https://ombudsman.example/feed"


def test_one_administrator_proposes_and_only_another_confirms(
    office_staff: Administrators,
) -> None:
    first, second, ask = office_staff.first, office_staff.second, office_staff.ask
    proposed = ask(first, "PUT", TARGET, URL).json
    assert (proposed["url"], proposed["proposal"]["url"]) == (None, URL)

    assert ask(first, "POST", CONFIRMATION, URL).status_code == 409
    assert ask(second, "POST", CONFIRMATION, URL + "/other").status_code == 409
    confirmed = ask(second, "POST", CONFIRMATION, URL)

    assert (confirmed.status_code, confirmed.json["url"]) == (200, URL)
    assert confirmed.json["proposal"] is None
    assert ask(second, "POST", CONFIRMATION, URL).status_code == 409


def test_what_was_confirmed_holds_until_another_is(office_staff: Administrators) -> None:
    first, second, ask = office_staff.first, office_staff.second, office_staff.ask
    ask(first, "PUT", TARGET, URL)
    ask(second, "POST", CONFIRMATION, URL)

    ask(first, "PUT", TARGET, None)
    assert ask(first, "GET", TARGET).json["url"] == URL
    ask(second, "POST", CONFIRMATION, None)

    assert ask(first, "GET", TARGET).json["url"] is None


def test_nobody_else_sees_or_sets_it(office_staff: Administrators) -> None:
    for method, path in (("GET", TARGET), ("PUT", TARGET), ("POST", CONFIRMATION)):
        assert office_staff.ask(office_staff.supervisor, method, path, URL).status_code == 403
        assert office_staff.ask("nobody", method, path, URL).status_code == 401


@pytest.mark.parametrize(
    "url",
    ["http://x.example/", "https://10.0.0.1/", "https://a@x.example/", "https://2130706433/",
     "https://0x7f000001/", "https://0177.0.0.1/", "https://127.1/", "https://[::ffff:10.0.0.1]/",
     "https://x.example:8443/", "ftp://x.example/"],
)  # fmt: skip
def test_an_address_that_could_lead_inside_is_not_even_proposed(
    office_staff: Administrators, url: str
) -> None:
    answer = office_staff.ask(office_staff.first, "PUT", TARGET, url)

    assert answer.status_code == 422
    assert [error["rule"] for error in answer.json["errors"]] == ["address"]
