"""The Ombudsman reads the feed over HTTP, and can check every byte of it with plain tools."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from falcon import testing

from chassis.clock import Clock
from chassis.config import Misconfigured, Secret
from deploy.local.environment import Surroundings
from services.escalation import api
from services.escalation.ombudsman import feed
from tests.harness.databases import Database
from tests.harness.processes import ServiceProcess
from tests.service.escalation.tower import NUMBER, Tower

FEED = "/v1/ombudsman/feed"


class Ombudsman:
    """Reads with the key that was handed to the Ombudsman."""

    def __init__(self, client: testing.TestClient, key: str) -> None:
        self._client, self.headers = client, {"Authorization": f"Bearer {key}"}

    def get(self, path: str = FEED, headers: Any = None, **params: Any) -> testing.Result:
        return self._client.simulate_get(
            path, params=params, headers=self.headers | (headers or {})
        )

    def read(self, **params: Any) -> dict[str, Any]:
        answer = self.get(**params)
        assert answer.status_code == 200, answer.json
        return answer.json


@pytest.fixture
def ombudsman(tower: Tower, secrets_folder: Path) -> Ombudsman:
    app = api.app(tower.settings, tower.db, Clock())
    key = (secrets_folder / "ombudsman-bearer-key").read_text().strip()
    return Ombudsman(testing.TestClient(app), key)


def write(tower: Tower, count: int) -> None:
    with tower.db.begin() as tx:
        for n in range(count):
            feed.write(
                tx, "monitoring", "feed.breach.opened.v1", NUMBER, {"n": n}, tower.clock.now()
            )
    tower.append()


def test_an_empty_feed_has_a_cursor_to_come_back_with(tower: Tower, ombudsman: Ombudsman) -> None:
    first = ombudsman.read()
    assert (first["events"], first["more"]) == ([], False)

    write(tower, 2)

    assert [e["position"] for e in ombudsman.read(after=first["cursor"])["events"]] == [1, 2]


def test_pages_follow_each_other_without_gap_or_overlap(tower: Tower, ombudsman: Ombudsman) -> None:
    write(tower, 7)

    seen, cursor, more = [], "", True
    while more:
        page = ombudsman.read(after=cursor, limit=3)
        seen += [event["data"]["n"] for event in page["events"]]
        cursor, more = page["cursor"], page["more"]

    assert seen == list(range(7))
    assert ombudsman.read(after=cursor)["events"] == []


def test_the_streams_are_read_apart(tower: Tower, ombudsman: Ombudsman) -> None:
    tower.open()
    tower.hear("report.escalation_consented.v1")
    tower.at("2027-01-02 10:00").sweep()
    tower.append()

    kinds = [e["type"] for e in ombudsman.read(stream="handovers")["events"]]
    assert kinds == ["feed.case.handed_over.v1"]
    assert {e["type"] for e in ombudsman.read()["events"]} == {"feed.breach.opened.v1"}


def test_every_entry_can_be_verified_by_hand(tower: Tower, ombudsman: Ombudsman) -> None:
    write(tower, 5)

    [jwk] = ombudsman.get("/v1/ombudsman/keys").json["keys"]
    key = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(jwk["x"] + "="))
    previous = bytes(32)
    for event in ombudsman.read()["events"]:
        proof = {name: event.pop(name) for name in ("prevhash", "hash", "signature", "kid")}
        digest = hashlib.sha256(previous + rfc8785.dumps(event)).digest()
        assert proof["prevhash"] == previous.hex()
        assert proof["hash"] == digest.hex()
        assert proof["kid"] == jwk["kid"]
        key.verify(base64.urlsafe_b64decode(proof["signature"] + "=="), digest)
        previous = digest

    checkpoint = ombudsman.get("/v1/ombudsman/checkpoint").json
    assert (checkpoint["position"], checkpoint["hash"]) == (5, previous.hex())
    key.verify(base64.urlsafe_b64decode(checkpoint["signature"] + "=="), previous)
    assert ombudsman.read(after=checkpoint["cursor"])["events"] == []


def test_an_empty_stream_has_an_unsigned_end(ombudsman: Ombudsman) -> None:
    checkpoint = ombudsman.get("/v1/ombudsman/checkpoint", stream="handovers").json

    assert (checkpoint["position"], checkpoint["signature"]) == (0, None)


def test_a_page_that_is_known_is_not_sent_again(tower: Tower, ombudsman: Ombudsman) -> None:
    write(tower, 2)
    tag = ombudsman.get(limit=2).headers["ETag"]

    again = ombudsman.get(limit=2, headers={"If-None-Match": tag})
    assert (again.status_code, again.text) == (304, "")

    write(tower, 1)
    assert ombudsman.get(limit=2, headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic b21idWRzbWFu"},
        {"Authorization": "Bearer ümlaut"},
    ],
)
@pytest.mark.parametrize("path", [FEED, "/v1/ombudsman/checkpoint"])
def test_without_the_ombudsmans_key_nothing_is_shown(
    ombudsman: Ombudsman, path: str, header: dict[str, str]
) -> None:
    ombudsman.headers = header

    answer = ombudsman.get(path)

    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_the_hash_of_the_key_is_not_the_key(ombudsman: Ombudsman, secrets_folder: Path) -> None:
    kept = (secrets_folder / "ombudsman-key-hash").read_text().strip()
    ombudsman.headers = {"Authorization": f"Bearer {kept}"}

    assert ombudsman.get().status_code == 401


def with_keys(tower: Tower, lines: str) -> testing.TestClient:
    """The API of a service that was given this file of hashes."""
    known = dataclasses.replace(tower.settings, ombudsman_key=Secret(lines.encode()))
    return testing.TestClient(api.app(known, tower.db, Clock()))


def test_while_the_key_is_changed_the_old_and_the_new_one_let_in(tower: Tower) -> None:
    old, new = (hashlib.sha256(key).hexdigest() for key in (b"old", b"new"))

    def statuses(lines: str) -> list[int]:
        client = with_keys(tower, lines)
        readers = [Ombudsman(client, key) for key in ("old", "new", "other")]
        return [reader.get().status_code for reader in readers]

    assert statuses(old) == [200, 401, 401]
    assert statuses(f"{old}\n{new}") == [200, 200, 401]
    assert statuses(new) == [401, 200, 401]


@pytest.mark.parametrize(
    "lines", ["", "x" * 64, "\n".join(["ab" * 32, "x"]), "\n".join(["ab" * 32] * 3)]
)
def test_a_file_that_holds_no_hash_or_three_stops_the_start(tower: Tower, lines: str) -> None:
    with pytest.raises(Misconfigured, match="OMBUDSMAN_KEY_FILE"):
        with_keys(tower, lines)


def made(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"after": "!"}, "after"),
        ({"after": "a"}, "after"),
        ({"after": made("nonsense")}, "after"),
        ({"after": made("handovers:1:0")}, "after"),
        ({"after": made("monitoring:0:1")}, "after"),
        ({"after": made("monitoring:1:-1")}, "after"),
        ({"after": made("monitoring:1:01")}, "after"),
        ({"after": "x" * 101}, "after"),
        ({"limit": "0"}, "limit"),
        ({"limit": "2001"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"wait": "26"}, "wait"),
        ({"wait": "-1"}, "wait"),
        ({"stream": "secrets"}, "stream"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_asked_wrongly_is_refused_by_name(
    ombudsman: Ombudsman, params: dict[str, str], field: str
) -> None:
    answer = ombudsman.get(**params)

    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert [error["field"] for error in answer.json["errors"]] == [field]


def test_a_cursor_ahead_of_the_feed_is_said_to_be(ombudsman: Ombudsman) -> None:
    answer = ombudsman.get(after=made("monitoring:1:5"))

    assert (answer.status_code, answer.json["code"]) == (409, "ahead")


def test_who_waits_gets_an_entry_as_soon_as_there_is_one(
    tower: Tower, ombudsman: Ombudsman
) -> None:
    writer = threading.Timer(0.5, write, (tower, 1))
    writer.start()
    started = time.monotonic()

    page = ombudsman.read(wait=20)
    writer.join()

    assert len(page["events"]) == 1
    assert time.monotonic() - started < 10


def test_who_waits_in_vain_gets_an_empty_page(ombudsman: Ombudsman) -> None:
    started = time.monotonic()

    assert ombudsman.read(wait=1)["events"] == []

    assert 1 <= time.monotonic() - started < 5


@pytest.fixture
def feed_api(
    tower: Tower, surroundings: Surroundings, state: Path
) -> Iterator[Callable[..., ServiceProcess]]:
    running = []

    def start(**more: str) -> ServiceProcess:
        running.append(ServiceProcess("api", tower.database, surroundings, state, **more))
        return running[-1].start()

    yield start
    for process in running:
        process.stop()


def test_those_who_wait_leave_half_of_the_threads_and_every_connection(
    feed_api: Callable[..., ServiceProcess], ombudsman: Ombudsman
) -> None:
    url = feed_api(HTTP_THREADS="4").url
    taken: list[float] = []

    def ask(wait: int) -> float:
        started = time.monotonic()
        with httpx.Client(base_url=url, headers=ombudsman.headers, timeout=20) as client:
            assert client.get(FEED, params={"wait": wait}).status_code == 200
        return time.monotonic() - started

    waiting = [threading.Thread(target=lambda: taken.append(ask(6))) for _ in range(6)]
    for thread in waiting:
        thread.start()
    time.sleep(1)
    assert [ask(0) < 4 for _ in range(5)] == [True] * 5
    for thread in waiting:
        thread.join()

    assert sorted(seconds >= 6 for seconds in taken) == [False] * 4 + [True] * 2


def test_the_database_going_away_is_said_without_showing_the_inside(
    tower: Tower, ombudsman: Ombudsman, database: Callable[[str], Database]
) -> None:
    tower.database.psql("ALTER TABLE feed_entry RENAME TO elsewhere")

    answer = ombudsman.get()

    assert answer.status_code == 500
    assert "feed_entry" not in answer.text
    assert "SELECT" not in answer.text
