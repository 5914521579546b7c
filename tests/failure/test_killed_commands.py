"""Whoever commands - an officer, an administrator, the Ombudsman, a reporter - and loses the API to
it sends the same again: it takes effect once, however near to its commit the API died.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from deploy.local.scenario import Reporter, sign_in
from tests.failure.test_kill_points import deaths
from tests.harness.faults import arm, ask
from tests.harness.system import stage
from tests.harness.waiting import eventually
from tests.harness.workload import AGENCY, COORDINATOR, STEPS
from tests.service.escalation.overseer import headers, letter, signing_key

pytestmark = pytest.mark.fault

BEFORE, AFTER = "transaction.before_commit", "transaction.after_commit"
PATIENCE = 60  # seconds that each insists
JSON = {"Content-Type": "application/json"}
# What is commanded in a round, by the API that dies of it; last, who has a token for a minute only.
ROUNDS = (
    {"routing-api": "disposition", "intake-api": "supplement", "escalation-api": "limit"},
    {"routing-api": "answer", "intake-api": "objection", "escalation-api": "standing"},
    {"escalation-api": "letter"},
)
POINTS = (AFTER, BEFORE, AFTER)  # where each round dies every day; elsewhere it is slow
KILLS = [
    pytest.param(
        point, armed, marks=() if point == usual else pytest.mark.slow,
        id=f"{' '.join(armed.values())} {point.rpartition('.')[2]}",
    )
    for armed, usual in zip(ROUNDS, POINTS, strict=True)
    for point in (BEFORE, AFTER)
]  # fmt: skip
DONE = "SELECT count(*) FROM case_event WHERE number = %s AND action = %s AND refused IS NULL"
SAID = "SELECT count(*) FROM outbox WHERE subject = %s AND type = %s"
SHOWN = "SELECT count(*) FROM timeline_entry WHERE number = %s AND what = %s"
DECREED = "SELECT count(*) FROM {} WHERE decree = %s"
TAKEN = "SELECT count(*) FROM handover_answer WHERE message_id = %s"
CHAINED = "SELECT count(*) FROM feed_entry WHERE entry->'data'->>'message_id' = %s"


@dataclass(frozen=True)
class Command:
    """One request, and where its effects are counted: a service, a statement, its values."""

    path: str
    body: bytes
    headers: dict[str, str]
    effects: tuple[tuple[str, str, list[str]], ...]


class People:
    """Who commands. Each method says what one of them is about to send."""

    def __init__(self, system, people):
        self.system = system
        officers = (COORDINATOR, AGENCY, "admin")
        for who in officers:  # whose first passwords do not last so long
            sign_in(people, who)
        self.ignored = handed_over(system, people)
        self.letters = iter(("received", "under_examination"))
        self.seats = {who: sign_in(people, who) for who in officers}

    def disposition(self):
        number, _ = self.report("verification")
        return self.step(number, "disposition", "dispose", "case.disposed")

    def answer(self):
        number, _ = self.report("verification", "disposition", "follow-ups")
        return self.step(number, "answer", "answer", "case.answered")

    def supplement(self):
        number, code = self.report()
        return self.reporter(number, code, "supplements", {"text": "Kemarin padam lagi, di RT 4."})

    def objection(self):
        number, code = self.report("verification", "disposition", "follow-ups", "answer")
        known = "SELECT 1 FROM report WHERE number = %s AND status = 'answered'"
        eventually(lambda: self.system.psql("intake", known, [number]), "the answer is known")
        return self.reporter(number, code, "objections", {"reason": "Lampunya masih padam semua."})

    def limit(self):
        body = {"clock": "F", "days": 7, "unit": "working"}
        return self.decree("/limits", body, "limit_rule", "amendment")

    def standing(self):
        body = {"post": "sekda", "standing": "held"}
        return self.decree("/posts", body, "post_standing")

    def letter(self):
        number, id = self.ignored, f"msg_{uuid4().hex}"
        body = letter(next(self.letters), number, at=decided(self.system))
        signed = headers(signing_key(self.system.secrets_folder), body, id)
        signed |= {"Authorization": f"Bearer {self.system.ombudsman_key}", **JSON}
        effects = (("escalation", TAKEN, [id]), ("escalation", CHAINED, [id]))
        return Command(f"/ombudsman/handovers/{number}/answers", body, signed, effects)

    def report(self, *steps):
        """A report that was carried so far."""
        receipt = ask(self.system).json()
        self.seats[COORDINATOR].await_case(receipt["number"])
        for who, step, body in STEPS:
            if step in steps:
                self.seats[who].act(receipt["number"], step, body)
        return receipt["number"], receipt["code"]

    def step(self, number, step, action, what):
        [(who, _, body)] = [one for one in STEPS if one[1] == step]
        effects = (
            ("routing", DONE, [number, action]), ("routing", SAID, [number, f"{what}.v1"]),
            ("intake", SHOWN, [number, what]),
        )  # fmt: skip
        seat = {"Authorization": self.seats[who].client.headers["Authorization"]}
        return keyed(f"/cases/{number}/{step}", body, seat, effects)

    def reporter(self, number, code, step, body):
        what = {"supplements": "report.supplemented", "objections": "report.objected"}[step]
        effects = (
            ("intake", SAID, [number, f"{what}.v1"]),
            ("routing", DONE.replace("action = %s", "role = %s"), [number, "reporter"]),
        )
        return keyed(f"/reports/{number}/{step}", body, {"Tracking-Code": code}, effects)

    def decree(self, path, body, *tables):
        voucher = self.seats["admin"].ask("POST", "/officers/token", {"service": "escalation"})
        decree, today = f"Perbup {uuid4().hex}", self.system.clock.now().date() + timedelta(days=1)
        body |= {"effective_from": today.isoformat(), "decree": decree}
        effects = tuple(("escalation", DECREED.format(table), [decree]) for table in tables)
        return keyed(path, body, {"Authorization": f"Bearer {voucher['token']}"}, effects)


def keyed(path, body, seat, effects):
    told = {"Idempotency-Key": str(uuid4()), **JSON, **seat}
    return Command(path, json.dumps(body).encode(), told, effects)


def decided(system):
    return system.clock.now().replace(microsecond=0).isoformat().replace("+00:00", "Z")


def handed_over(system, people):
    """The number of a report that nobody answered until the Ombudsman had it."""
    one = Reporter(people.client())
    one.submit("Jembatan hampir putus", "Papan jembatan lapuk sejak lama.", "2026-11-20", None)
    one.await_entry("case.opened")
    one.act("escalation-consent", {})
    for _ in range(12):
        system.clock.move(timedelta(days=6))
        if any(entry["what"] == "escalation.handed_over" for entry in one.track()["timeline"]):
            break
    one.await_entry("escalation.handed_over")
    return one.number


@pytest.fixture(scope="module")
def people(system):
    with closing(stage(system)) as people:
        yield People(system, people)


def insist(system, command):
    """Sends the same until it is done; returns what it was answered each time."""
    statuses = []

    def done():
        try:
            answer = httpx.post(
                f"{system.url}/api/v1{command.path}", content=command.body,
                headers=command.headers, timeout=15, trust_env=False,
            )  # fmt: skip
        except httpx.TransportError:
            return statuses.append(0)
        statuses.append(answer.status_code)
        assert answer.is_success or answer.status_code in (409, 503), answer.text
        return answer.is_success

    eventually(done, command.path, PATIENCE, every=0.1)
    return statuses


def effects(system, command):
    """How often it had each of its effects."""
    return [system.psql(*where)[0][0] for where in command.effects]


@pytest.mark.parametrize(("point", "armed"), KILLS)
def test_a_command_that_its_api_dies_of_takes_effect_once(system, people, point, armed):
    commands = {name: getattr(people, what)() for name, what in armed.items()}
    for name in armed:
        arm(system, name, FAILPOINTS=f"{point}=kill")
    with ThreadPoolExecutor(len(commands)) as pool:
        sent = [pool.submit(insist, system, command) for command in commands.values()]
        try:
            for name in deaths(system, armed):
                system.restart(name, FAILPOINTS="")
        finally:  # a refusal tells more than that nobody died
            answers = [one.result() for one in sent]
    assert min(map(len, answers)) > 1

    for command in commands.values():
        once = [1] * len(command.effects)
        eventually(lambda c=command, o=once: effects(system, c) == o, command.path, 30)


def test_a_command_that_is_sent_as_another_takes_effect_twice(system, people):
    """The negative control of the count."""
    command = people.limit()
    for n in range(2):
        other = command.headers | {"Idempotency-Key": f"{n}" * 16}
        insist(system, replace(command, headers=other))

    assert effects(system, command) == [2, 2]
