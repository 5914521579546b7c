"""What a life leaves out: each operation that nobody used yet, each event that nobody caused and
each news that nobody was told, so that a sweep can say that it has seen all that there is.

Reporters are written to in English here, and the clock moves by days, so that who is reminded is.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from chassis import cli
from deploy.local.scenario import Officer, Person, sign_in
from deploy.local.system import System
from deploy.local.texts import FOLLOW_UP
from deploy.postgres.databases import SERVICES
from tests.failure.canaries import Canary, Sink
from tests.failure.lives import Citizen, Life, new_key, report
from tests.failure.mistakes import WHOLE
from tests.failure.people import BY_MAIL, FORM, NIK, PERSON, said, word
from tests.harness.doors import OPERATIONS, operations
from tests.harness.faults import command
from tests.harness.outside import Outside
from tests.harness.programs import run_command
from tests.harness.rooms import HOOK
from tests.harness.rooms import Escalation as Room
from tests.harness.waiting import eventually
from tests.service.notify.test_bounces import report as report_of

ENGLISH = PERSON | {"language": "en"}
CORRECTED = "zulaikha.qanary.betul@kenari-benar.example"  # the address that news goes to later
HOLDER = {"holder": "meja.kenarijaga@dinas-kenari.example"}  # a post that is only reminded
DAY = timedelta(days=1)
UNFIRED = "SELECT count(*) FROM due WHERE due_at < %s AND fired_at IS NULL"
PASSED = (
    "SELECT count(*) > 0 FROM clock WHERE number = %s AND clock = 'V' AND passed_at IS NOT NULL"
)
PROPOSED = (
    "INSERT INTO feed_target (url, proposed_by, handed_by, proposed_at)"
    " VALUES (%s, gen_random_uuid(), '{}', now())"
)
AGED = "UPDATE trail_mark SET at = at - interval '1 hour'"
LINKED = "SELECT count(*) > 0 FROM trail_link"
COMMANDS = (
    "routing denials --since 2020-01-01T00:00:00Z", "routing verify-trail", "notify post list",
    "escalation denials --since 2020-01-01T00:00:00Z", "escalation import-calendar",
    "intake end-consents", "notify erase KTB-00000-00000", "notify post forget arbiter",
    "escalation erase-sealed KTB-00000-00000", "routing first-password koordinator",
    "routing disable koordinator", "routing number-anew",
    "routing withhold KTB-00000-00000 coordinator",
    "escalation open-epoch admin", "escalation introduce-feed-keys",
    "escalation switch-feed-key", "escalation rebroadcast-feed", "escalation what-if /dev/stdin",
    "escalation release-breaker admin", "intake number-anew", "intake parked replay all",
    "intake parked drop 00000000-0000-0000-0000-000000000000",
    "escalation withdraw-feed-key 0000000000000000",
    "escalation steps --since 2020-01-01T00:00:00Z",
)  # fmt: skip
SERVING = {"api", "worker", "migrate", "seed"}  # which ran anyway: their words are in the logs
IN_ANSWERS = ("ombudsman/answers/*", "ombudsman/handovers.jsonl")
WORDS = {  # of the Ombudsman's: those that ask something are read by officers, too
    "order": (*said("intake routing escalation", "escalation.words_written.v1"), *IN_ANSWERS),
    "remark": (*said("intake escalation", "escalation.remark_written.v1"), *IN_ANSWERS),
}


def canaries() -> Iterator[Canary]:
    """What only this tells of."""
    yield Canary("address of the post holder", *HOLDER.values(), BY_MAIL)
    yield Canary("corrected address", CORRECTED, BY_MAIL)
    for name, allowed in WORDS.items():
        yield Canary(f"word of {name}", word(name), allowed)


def commands() -> set[str]:
    """All that a service can be told to do: those of its own as `notify erase`, those that every
    service has as `parked`."""
    own = {
        f"{service} {name}" for service in SERVICES
        if find_spec(f"services.{service}.commands")
        for name in import_module(f"services.{service}.commands").COMMANDS
    }  # fmt: skip
    return own | cli._COMMANDS.keys() - SERVING


def reading(life: Life) -> None:
    """What is open to all, what only a person would ask in the Ombudsman's name, and what a
    reporter and an officer ask of one case."""
    anybody = Person(life.people.client())
    for path in ("agencies", "districts", "categories", "receipts/keys", "ombudsman/keys"):
        anybody.ask("GET", f"/{path}")
    ombudsman = bearing(life, life.people.ombudsman_key)
    for what in ("checkpoint", "epochs"):
        ombudsman.ask("GET", f"/ombudsman/{what}?stream=handovers")
    one = life.mine["open"]
    own = {"Tracking-Code": one.code}
    one.ask("POST", f"/reports/{one.number}/escalation-check", headers=own)
    coordinator, to = life.officers["koordinator"], {"service": "escalation"}
    of_officer = coordinator.ask("POST", f"/cases/{one.number}/token", to)
    for token in (one.track()["links"]["token"], of_officer["token"]):
        reader = bearing(life, token)
        reader.ask("GET", f"/cases/{one.number}/deadlines")
        reader.ask("GET", f"/cases/{one.number}/explain?clock=V")


def by_administrator(system: System, life: Life) -> None:
    """Accounts, agencies, rules, and where the Ombudsman is poked."""
    admin = life.officers["admin"]
    admin.ask("PUT", "/agencies/dishub", {"name": "Dinas Perhubungan", "active": True})
    admin.ask("GET", "/officers")
    admin.ask("GET", "/officers/me")
    life.officers["koordinator"].ask("GET", "/cases")
    for act in ("first-password", "disabling"):
        admin.ask("POST", f"/officers/baru/{act}", headers=new_key())
    sign_in(life.people, "admin").ask("POST", "/officers/sign-out")
    token = admin.ask("POST", "/officers/token", {"service": "escalation"})["token"]
    here, bodies = bearing(life, token), Room.BODIES | {"target": HOOK, "confirmation": HOOK}
    bodies = bodies | {"calendars": bodies["calendars"] | {"code": "rsud-kenari"}}
    for operation in operations("escalation"):
        name, path = operation.path.rsplit("/", 1)[-1], operation.path.removeprefix("/v1")
        if operation.security == "officer":
            if name == "confirmation":  # of what another administrator has proposed
                system.psql("escalation", PROPOSED, [HOOK["url"]])
            body = bodies[name] if operation.has_body else None
            asked = {} if operation.has_body else Room.QUERIES[name]
            here.ask(operation.method, path.format(code="regency"), body, params=asked)
    day_off(system, here)


def day_off(system: System, admin: Person) -> None:
    """A working day becomes none, so that limits are moved."""
    off = {day for (day,) in system.psql("escalation", "SELECT day FROM calendar_day")}
    ahead = (system.clock.now().date() + n * DAY for n in range(2, 30))
    day = next(one for one in ahead if one.weekday() < 5 and one not in off)
    body = Room.BODIES["days"] | {"day": day.isoformat()}
    admin.ask("POST", "/calendars/regency/days", body)


def bearing(life: Life, token: str) -> Officer:
    """Somebody with a token in their hands."""
    return Officer(life.people.client({"Authorization": f"Bearer {token}"}))


def filed(life: Life, level: str = "confidential", **more: Any) -> Citizen:
    """Somebody whose report is on the desk."""
    one = Citizen(life.people.client())
    body = report(level, ENGLISH) | more
    receipt = one.ask("POST", "/reports", body, headers=new_key())
    one.number, one.code = receipt["number"], receipt["code"]
    one.await_entry("case.opened")
    return one


def taken_back(system: System, life: Life) -> None:
    """A consent that ends, a withdrawal that is refused, and a desk that is passed by."""
    gone, parent, child = filed(life), filed(life), filed(life, "open")
    gone.act("escalation-consent", {"dossier": FORM})
    gone.act("withdrawal", {"reason": f"Tidak jadi {word('withdrawal')}."})
    gone.await_status("withdrawn")
    merge = {"into": parent.number, "reason": f"Sama {word('merge')}."}
    life.officers["koordinator"].act(child.number, "merge", merge)
    child.await_entry("case.merged")
    parent.act("withdrawal", {"reason": f"Biar saja {word('withdrawal')}."})
    parent.await_entry("case.refused")
    accused = filed(life, agency="diskominfo")
    system.psql(
        "routing", "UPDATE cases SET desks_known = false WHERE number = %s", [accused.number]
    )
    command(system, "routing", "say-desks")


def corrected(life: Life) -> None:
    """Two contacts that are replaced, one of them by none."""
    one, other = filed(life), filed(life, "open")
    one.act("contact", {"contact": ENGLISH | {"email": CORRECTED}})
    other.act("contact", {"contact": None})


def answered(life: Life) -> Citizen:
    """Somebody who has an answer and says nothing more."""
    one, agency = filed(life), life.officers["disdikbud"]
    coordinator = life.officers["koordinator"]
    coordinator.act(one.number, "verification", {"class": "ordinary", "category": "sekolah"})
    coordinator.act(one.number, "disposition", {"agency": "disdikbud"})
    agency.await_case(one.number)
    answer = {"outcome": "explained", "reason": FOLLOW_UP, "text": f"{word('answer')} {FOLLOW_UP}"}
    agency.act(one.number, "follow-ups", {"text": f"{word('followup')} {FOLLOW_UP}"})
    agency.act(one.number, "answer", answer)
    one.await_status("answered")
    return one


def heard_late(system: System, life: Life) -> Citizen:
    """Somebody whose case was disposed in time, of which nobody outside hears before `days`."""
    one, coordinator = filed(life), life.officers["koordinator"]
    system.process("routing-worker").stop()
    coordinator.act(one.number, "verification", {"class": "ordinary", "category": "sekolah"})
    coordinator.act(one.number, "disposition", {"agency": "disdikbud"})
    return one


def days(system: System, life: Life) -> Citizen:
    """Days pass for all of them, until one case is handed over. Returns its reporter."""
    silent, left, quits = answered(life), filed(life), filed(life, "open")
    left.act("escalation-consent", {"dossier": FORM})
    late = heard_late(system, life)
    passing(system, lambda: system.psql("escalation", PASSED, [late.number]) == [(True,)])
    system.psql("routing", AGED)  # what was done meanwhile is old enough to be proved
    system.restart("routing-worker")
    late.await_entry("deadline.kept")
    passing(system, lambda: silent.track()["status"] == "closed")
    passing(system, lambda: "escalation.handed_over" in told(left), steps=3)
    quits.await_entry("escalation.offered")
    quits.act("withdrawal", {"reason": f"Sudah bosan {word('withdrawal')}."})
    quits.await_status("withdrawn")
    eventually(lambda: system.psql("routing", LINKED) == [(True,)], "a link", seconds=90)
    return left


def passing(system: System, is_there: Callable[[], bool], steps: int = 1, most: int = 180) -> None:
    """Moves the clock by days until something is there; whatever is due is done on each day."""
    for _ in range(0, most, steps):
        system.clock.move(steps * DAY)
        now = system.clock.now()
        eventually(lambda n=now: system.psql("escalation", UNFIRED, [n]) == [(0,)], "all is fired")
        with suppress(AssertionError):  # it is heard of a moment after it was fired
            eventually(is_there, seconds=1)
            return
    raise AssertionError("it never came")


def told(citizen: Citizen) -> set[str]:
    """What is on a timeline."""
    return {entry["what"] for entry in citizen.track()["timeline"]}


def answers(system: System, citizen: Citizen, folder: Path) -> Iterator[Sink]:
    """The Ombudsman's own program reads, opens and answers; what it says meanwhile."""
    office = Outside(folder, f"{system.url}/api", system.secrets_folder)
    assert office.pin() == 0, office.said
    yield "ombudsman/said", office.said.encode()
    file = ("--reference", "0123/LM/I/2027/BJM", "--at", system.clock.now().isoformat())
    number, asked = citizen.number, ("--words", f"Perbaiki {word('order')} segera.")
    noticed = ("--words", f"Pelapor {word('remark')} benar.")
    for words in (
        ("follow", "--once"),
        ("answer", number, "received", *file),
        ("answer", number, "under_examination", *file, *noticed),
        ("answer", number, "corrective_action", *file, *asked),
        ("answer", number, "closed", *file),
    ):
        assert office.run(*words) == 0, office.said
        yield "ombudsman/said", office.said.encode()
    citizen.await_entry("escalation.answered", 4)
    citizen.act("consent-withdrawal", {})
    eventually(lambda: hears_the_end(office), "the Ombudsman is told that the consent ended")
    yield "ombudsman/said", office.said.encode()
    for words in (("follow", "--once"), ("status",), ("verify",)):
        assert office.run(*words) == 0, office.said
        yield "ombudsman/said", office.said.encode()


def hears_the_end(office: Outside) -> bool:
    """Whether the feed tells by now that a consent was taken back."""
    assert office.run("follow", "--once") == 0, office.said
    return "CONSENT ENDED" in office.said


def given_back(system: System) -> Sink:
    """A mail server gives a mail back, with whom it could not find; what the operator's command
    says of that. It is the first of all: of the later ones, some are the only one of their kind."""
    inbox = sorted((system.folder / "mails").iterdir(), key=lambda file: file.stat().st_mtime_ns)
    mails = (file.read_bytes().partition(b"\n")[2] for file in inbox)
    mail = next(one for one in mails if PERSON["email"].encode() in one)
    returned = message_from_bytes(mail, _class=EmailMessage, policy=default)
    env = system.process("notify-worker").env
    run = run_command("notify", "bounced", env=env, told=report_of(returned))
    assert run.stdout == "1 counted as failed\n", run.stderr
    return "commands/notify bounced", (run.stdout + run.stderr).encode()


def kept(folder: Path) -> Iterator[Sink]:
    """What the Ombudsman's program keeps."""
    for file in folder.rglob("*"):
        if file.is_file():
            yield f"ombudsman/{file.relative_to(folder)}", file


def refused(life: Life) -> None:
    """Each operation is asked by all who may not, with all about somebody in every wrong place."""
    own = {"Tracking-Code": life.mine["open"].code}
    bearers = [sign_in(life.people, name) for name in ("koordinator", "admin")]
    asking = [life.people.client(), life.people.client(own), *(one.client for one in bearers)]
    asking.append(bearing(life, life.people.ombudsman_key).client)
    wrong = PERSON | {"nik": NIK, NIK: WHOLE}
    for operation in sorted(OPERATIONS, key=lambda one: one.path.endswith("/sign-out")):
        method, path = operation.method, operation.path.removeprefix("/v1")
        for client in asking:
            for part in (life.mine["open"].number, NIK):
                to = path.format(number=part, username=PERSON["email"], code=NIK)
                answer = client.request(
                    method, to, params={"nik": NIK, PERSON["email"]: WHOLE},
                    json=wrong if operation.has_body else None, headers=new_key(),
                )  # fmt: skip
                assert answer.status_code < 500, (method, to, answer.text)
