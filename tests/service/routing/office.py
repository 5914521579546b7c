"""Routing's own code on a real database: its API asked as officers do, its inbox fed as the other
services would, and a clock moved by hand."""

from __future__ import annotations

import itertools
import json
from datetime import datetime, timedelta
from threading import Event as Flag
from typing import Any
from uuid import uuid4

import falcon.testing
import sqlalchemy as sa
from argon2 import PasswordHasher
from joserfc.jwk import OKPKey

import contracts
from chassis.clock import Clock
from chassis.config import Secret, SecretText
from chassis.database import Transactions, engine
from chassis.events import Event
from chassis.inbox import ANYBODY
from services.routing import api, models, seed
from services.routing.config import Settings
from services.routing.life import Role
from services.routing.service import Routing
from tests.harness.databases import Database

PASSWORD = "burung-enggang-terbang-tinggi"
# A stored password says how dear it is to compare: most tests sign in and measure no time.
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
STAFF_KEY = json.dumps(
    {**(key := OKPKey.generate_key("Ed25519")).as_dict(private=True), "kid": key.thumbprint()}
).encode()
TEXT = "The hole was filled on Monday by our own crew, with new asphalt."
STAFF = {
    "coordinator": ("diskominfo", Role.COORDINATOR),
    "arbiter": ("setda", Role.ARBITER),
    "supervisor": ("inspektorat", Role.SUPERVISOR),
    "administrator": (None, Role.ADMINISTRATOR),
    "liaison": ("dpupr", Role.LIAISON),
    "supporter": ("dlh", Role.LIAISON),
    "stranger": ("dishub", Role.LIAISON),
}


def settings(url: str) -> Settings:
    """As an API process would read them."""
    told = {"database_url": SecretText(url), "staff_token_key": Secret(STAFF_KEY)}
    return Settings(service="routing", lapor_env="test", **told)


class HandClock(Clock):
    """Moved by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.moved = timedelta()

    def real(self) -> datetime:
        return super().real() + self.moved


class Office:
    """Everything that a test of routing needs. `as_` names one of STAFF."""

    def __init__(self, database: Database) -> None:
        self.database, self.clock = database, HandClock()
        self.settings = settings(database.url)
        self._engine = engine(database.url, 4)
        self.db = Transactions(self._engine)
        self.http = falcon.testing.TestClient(api.app(self.settings, self.db, self.clock))
        self.service = Routing()
        self.service.db, self.service.clock = self.db, self.clock
        self.service.settings, self.service.caught_up = self.settings, Flag()
        self.service.caught_up.set()
        self._sequences: dict[tuple[str, str], itertools.count[int]] = {}
        self._numbers = itertools.count(10000)
        self._tokens: dict[str, str] = {}

    def close(self) -> None:
        self._engine.dispose()

    # --- officers

    def ask(self, method: str, path: str, body: Any = None, as_: str = "", **headers: str) -> Any:
        """One request; `as_` signs in first."""
        if as_:
            headers["Authorization"] = f"Bearer {self.token(as_)}"
        return self.http.simulate_request(method, path, json=body, headers=headers)

    def token(self, username: str) -> str:
        """A session of that officer, as long as it lasts."""
        if username not in self._tokens:
            self._tokens[username] = self.sign_in(username).json["token"]
        return self._tokens[username]

    def later(self, **by: float) -> None:
        """Time passes; whoever acts next signs in anew."""
        self.clock.moved += timedelta(**by)
        self._tokens.clear()

    def now_again(self) -> None:
        """Back in the present, where the sessions of the future are unknown."""
        if self.clock.moved:
            self.clock.moved = timedelta()
            self._tokens.clear()

    def sign_in(self, username: str, password: str = PASSWORD, device: str | None = None) -> Any:
        body = {"username": username, "password": password, "device": device}
        return self.http.simulate_post("/v1/officers/sign-in", json=body)

    def act(self, number: str, verb: str, as_: str, **body: Any) -> Any:
        """One verb on a case."""
        return self.ask("POST", f"/v1/cases/{number}/{verb}", body, as_)

    def case(self, number: str, as_: str = "supervisor") -> dict[str, Any]:
        """The case as that officer sees it."""
        answer = self.ask("GET", f"/v1/cases/{number}", as_=as_)
        assert answer.status_code == 200, answer.text
        return dict(answer.json)

    # --- events

    def hear(self, type: str, number: str, **data: Any) -> str:
        """Receives one event; what the inbox did with it."""
        return self.service.inbox.receive(self.body(type, number, **data), ANYBODY)

    def body(self, type: str, number: str, **data: Any) -> bytes:
        """The next event of a type, made from its contract's first example."""
        source = contracts.source(type)
        sequence = self._sequences.setdefault((source, number), itertools.count(1))
        example = next(iter(contracts.examples(type).values()))["data"]
        now = self.clock.now().isoformat().replace("+00:00", "Z")
        example |= {"at": now} if "at" in example else {}
        event = Event(
            id=str(uuid4()), source=source, type=type, subject=number, time=self.clock.now(),
            sequence=next(sequence), correlationid="a-chain-of-causes", data=example | data,
        )  # fmt: skip
        contracts.validate(type, event.data)
        return json.dumps(event.document()).encode()

    def said(self, number: str) -> list[tuple[str, dict[str, Any]]]:
        """What routing emitted about a case, in order."""
        rows = "SELECT type, data FROM outbox WHERE subject = %s ORDER BY id"
        return [(type, data) for type, data in self.database.psql(rows, [number])]

    # --- cases in every status

    def open(self, **report: Any) -> str:
        """A new report's number."""
        number = f"KTB-{next(self._numbers)}-00000"
        given = {"kind": "complaint", "category": "jalan-jembatan", "district": "63.02.06"}
        received = self.clock.now().isoformat().replace("+00:00", "Z")
        told = given | {"received_at": received, "confidentiality": "open"} | report
        assert self.hear("report.submitted.v1", number, **told) == "done"
        return number

    def bring(self, status: str, **report: Any) -> str:
        """A new case, brought to that status by the shortest way."""
        number = self.open(**report)
        for verb, as_, body in WAYS[status]:
            answer = self.act(number, verb, as_, **body)
            assert answer.status_code == 200, answer.text
        for type in ENDS.get(status, ()):
            assert self.hear(type, number) == "done"
        assert self.case(number)["status"] == status
        return number


VERIFY = ("verification", "coordinator", {"class": "ordinary"})
DISPOSE = ("disposition", "coordinator", {"agency": "dpupr", "supporting": ["dlh"]})
FOLLOW_UP = ("follow-ups", "liaison", {"text": TEXT})
ANSWER = ("answer", "liaison", {"outcome": "fulfilled", "reason": "Repaired.", "text": TEXT})
ASK = ("data-request", "coordinator", {"question": "At which kilometre is the hole, please?"})
CANCEL = ("data-request/cancellation", "coordinator", {"reason": "We found it in our own files."})
PROTECT = (
    "confidentiality",
    "coordinator",
    {"confidentiality": "confidential", "reason": "The report says where its reporter works."},
)
ARCHIVE = (
    "archive",
    "coordinator",
    {"reason": "too_general", "text": "Please say which road and where it is."},
)
FORWARD = (
    "forwarding",
    "coordinator",
    {"to": "Balai Besar Jalan Nasional", "text": "This road is a national one; they have it."},
)
RECALL = ("recall", "coordinator", {"reason": "They say that the road is the regency's."})
RELAY = (
    "outside-words",
    "coordinator",
    {"text": "They mend the road in March.", "said_on": "2026-11-02"},
)
ACCUSED = (
    "complains-about",
    "coordinator",
    {"complains_about": ["dishub"], "reason": "The reporter adds that it was their driver."},
)
WAYS: dict[str, list[tuple[str, str, dict[str, Any]]]] = {
    "unverified": [],
    "awaiting_reporter": [ASK],
    "disposed": [VERIFY, DISPOSE],
    "in_progress": [VERIFY, DISPOSE, FOLLOW_UP],
    "answered": [VERIFY, DISPOSE, FOLLOW_UP, ANSWER],
    "closed": [VERIFY, DISPOSE, FOLLOW_UP, ANSWER],
    "archived": [ARCHIVE],
    "forwarded_externally": [FORWARD],
    "withdrawn": [],
}
ENDS = {"closed": ["report.accepted.v1"], "withdrawn": ["report.withdrawn.v1"]}


def furnish(database: Database, stored: str = QUICK) -> None:
    """The regency's lists, and one officer of each part with a known password."""
    bind = engine(database.url, 1)
    db = Transactions(bind)
    seed.lists(db, Settings.data_dir)
    with db.begin() as tx:
        for username, (agency, role) in STAFF.items():
            officer = models.Officer(
                id=uuid4(), username=username, agency=agency, role=role, password_hash=stored,
                must_change_password=False, created_at=sa.func.now(),
            )  # fmt: skip
            tx.add(officer)
    bind.dispose()


def told(office: Office, number: str) -> tuple[str, dict[str, Any]]:
    """The last fact about a case: its type, and what it says."""
    return office.said(number)[-1]


def question(office: Office, number: str) -> str:
    """The question that the reporter was asked last, by its name."""
    asked = [data for type, data in office.said(number) if type == "case.data_requested.v1"]
    return str(asked[-1]["reply_id"])


def ago(office: Office, **by: float) -> str:
    """A moment of the past, as events tell it; a negative one is to come."""
    at = office.clock.now() - timedelta(**by)
    return at.isoformat().replace("+00:00", "Z")


def pass_limit(office: Office, number: str, clock: str, cycle: int = 1) -> str:
    """A limit has ended."""
    due = ago(office, minutes=1)
    return office.hear("deadline.passed.v1", number, clock=clock, cycle=cycle, due_at=due)


def notes(office: Office, number: str) -> list[tuple[str, str]]:
    """What the reporter added, as officers read it."""
    return [(n["action"], n["text"]) for n in office.case(number)["notes"]]
