"""A life with everything that reporters and officers do and all that they do wrong on the way.

Each answer is kept (`answers/given/...`, `answers/refused/...`), and each secret that was handed
out becomes a canary. Requests come from an address of their own and tell all they can.
"""

import contextlib
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

import httpx

from deploy.local.plain import PLAIN
from deploy.local.scenario import Officer, Reporter, Stage, sign_in
from deploy.local.system import System
from deploy.local.texts import FOLLOW_UP
from tests.failure.canaries import Canary, Sink
from tests.failure.people import ADDRESS, FORM, KEY, OTHER, PERSON, POSTS, TELLING, word
from tests.harness.programs import run_command
from tests.harness.waiting import eventually

LEVELS = ("open", "confidential", "anonymous")
_keys = count()


@dataclass
class Watched(Stage):
    """A stage on which every answer is kept."""

    answers: dict[tuple[str, bytes], bytes] = field(default_factory=dict)
    handed_out: list[Canary] = field(default_factory=list)
    linked: set[str] = field(default_factory=set)  # where a token came beside what was asked

    def client(self, headers: dict[str, str] | None = None) -> httpx.Client:
        one = httpx.Client(
            base_url=f"{self.url}/api/v1", headers=TELLING | (headers or {}), timeout=30,
            trust_env=False, transport=httpx.HTTPTransport(verify=PLAIN, local_address=ADDRESS),
            event_hooks={"response": [self._keep]},
        )  # fmt: skip
        self._clients.append(one)
        return one

    def sinks(self) -> Iterator[Sink]:
        """Every answer that was given, each once."""
        for (name, _), answer in self.answers.items():
            yield name, answer

    def _keep(self, answer: httpx.Response) -> None:
        body, path = answer.read(), answer.request.url.path
        kind = "refused" if answer.is_error else "given"
        name = f"answers/{kind}/{answer.request.method} {path}"
        self.answers[name, body] = repr(answer.headers.multi_items()).encode() + body
        if answer.is_success and body:
            self._note(answer.json(), path)

    def _note(self, told: dict[str, Any], path: str) -> None:
        where = (f"answers/given/* {path}",)
        if "code" in told and path.endswith("/reports"):
            self.handed_out.append(Canary("tracking code", told["code"], where))
        if "token" in told:
            self._note_token(told["token"], where)
        elif "links" in told and told["number"] not in self.linked:  # one for each is enough
            self.linked.add(told["number"])
            self._note_token(told["links"]["token"], where)
        if "first_password" in told:
            self.handed_out.append(Canary("first password", told["first_password"], where))

    def _note_token(self, token: str, where: tuple[str, ...]) -> None:
        """A session, or what is shown to another service: its last part is nobody else's."""
        kind = "token" if token.count(".") == 2 else "session"
        self.handed_out.append(Canary(kind, token.rpartition(".")[2], where, random=True))


class Citizen(Reporter):
    """Somebody with a report."""

    def file(self, level: str, contact: dict[str, str]) -> "Citizen":
        receipt = self.ask("POST", "/reports", report(level, contact), headers=new_key())
        self.number, self.code = receipt["number"], receipt["code"]
        return self


def new_key() -> dict[str, str]:
    """A key that no other request has."""
    return {"Idempotency-Key": KEY.format(next(_keys))}


def report(level: str, contact: dict[str, str]) -> dict[str, Any]:
    """What is sent; who wants to stay unknown sends no contact."""
    body = {
        "kind": "complaint", "title": f"Pungutan {word('title')} di sekolah",
        "text": f"Ada pungutan liar {word('text')} setiap Senin.\u2028Bcc: x@y.example ${{number}}",
        "event_date": "2026-11-20", "category": "sekolah", "confidentiality": level,
        "place": {"district": "63.02.06", "detail": f"dekat {word('place')}"},
    }  # fmt: skip
    return body if level == "anonymous" else body | {"contact": contact}


@dataclass
class Life:
    """What was lived: the person's own reports by level, another's alike, and all the answers."""

    people: Watched
    mine: dict[str, Citizen]
    theirs: dict[str, Citizen]
    officers: dict[str, Officer]
    seen: dict[str, Any] = field(default_factory=dict)  # what else was met on the way

    def canaries(self) -> list[Canary]:
        """Every secret that was handed out or chosen meanwhile."""
        chosen = [Canary(f"password of {n}", self.people.passwords[n]) for n in self.officers]
        return self.people.handed_out + chosen


def stage(system: System) -> Watched:
    """Where the life takes place; to be closed after it."""
    return Watched(
        system.url, system.passwords, system.mails, system.clock.move, system.ombudsman_key
    )


def staff(system: System, posts: Mapping[str, str] = POSTS) -> list[Sink]:
    """An operator tells where the posts of the ladder are written to; what is said to that."""
    said = []
    for post, address in posts.items():
        told, env = f"{address}\n", system.process("notify-worker").env
        run = run_command("notify", "post", "set", post, env=env, told=told)
        run.check_returncode()
        said.append(("commands/notify post set", (run.stdout + run.stderr).encode()))
    return said


def begin(system: System, people: Watched) -> Life:
    """The same six reports of two people, one of each level, and officers at their desks."""
    known = "SELECT count(*) > 0 FROM promise"
    eventually(lambda: system.psql("intake", known) == [(True,)], "the promised dates")
    mine, theirs = (
        {level: Citizen(people.client()).file(level, who) for level in LEVELS}
        for who in (PERSON, OTHER)
    )
    names = ("koordinator", "disdikbud", "admin")
    return Life(people, mine, theirs, {name: sign_in(people, name) for name in names})


def handle(life: Life) -> None:
    """All six go the same way: verified, disposed, answered, objected to, answered, accepted."""
    coordinator, agency = life.officers["koordinator"], life.officers["disdikbud"]
    all_six = [*life.mine.values(), *life.theirs.values()]
    answer = {
        "outcome": "fulfilled", "reason": f"{word('outcome')} {FOLLOW_UP}",
        "text": f"{word('answer')} {FOLLOW_UP}",
        "evidence": [{"title": f"Foto {word('evidence')}", "sha256": "c4" * 32}],
    }  # fmt: skip
    for one in all_six:
        coordinator.await_case(one.number)
        coordinator.act(one.number, "verification", {"class": "ordinary", "category": "sekolah"})
        disposition = {"agency": "disdikbud", "note": f"Segera {word('note')}."}
        coordinator.act(one.number, "disposition", disposition)
        agency.act(one.number, "follow-ups", {"text": f"{word('followup')} {FOLLOW_UP}"})
        agency.act(one.number, "answer", answer)
    for one in all_six:
        one.await_status("answered")
        one.act("objections", {"reason": f"Masih {word('objection')}."})
    for one in all_six:
        one.await_status("in_progress")
        agency.act(one.number, "answer", answer)
    for one in all_six:
        one.await_status("answered")
        one.act("acceptance", {"stars": 4, "comment": f"Baik {word('comment')}."})
    for one in all_six:
        one.await_status("closed")


def wander(life: Life) -> Citizen:
    """Four more reports go every other way there is. Returns one that nobody handles."""
    coordinator, agency = life.officers["koordinator"], life.officers["disdikbud"]
    long, other, gone, left = (
        Citizen(life.people.client()).file(level, PERSON)
        for level in ("confidential", "open", "open", "anonymous")
    )
    for one in (long, other, gone, left):
        coordinator.await_case(one.number)
    gone.act("withdrawal", {"reason": f"Tidak jadi {word('withdrawal')}."})
    other_text = f"Bukan kewenangan kami {word('archive')}, mohon maaf."
    coordinator.act(other.number, "archive", {"reason": "out_of_scope", "text": other_text})
    coordinator.act(long.number, "data-request", {"question": f"Kapan {word('question')} terjadi?"})
    long.await_status("awaiting_reporter")
    taken_back = {"reason": f"Sudah kami temukan {word('cancellation')} di berkas."}
    coordinator.act(long.number, "data-request/cancellation", taken_back)
    long.await_status("unverified")
    coordinator.act(long.number, "data-request", {"question": f"Siapa {word('question')} lagi?"})
    long.await_status("awaiting_reporter")
    long.act("supplements", {"text": f"Kemarin {word('supplement')}."})
    long.await_status("unverified")
    correction = {"category": "jalan-jembatan", "reason": f"Sudah jelas {word('correction')}."}
    coordinator.act(long.number, "reclassification", correction)
    why = f"Sepupu kepala {word('protection')}."
    raised = {"confidentiality": "confidential", "hidden_from_public": True, "reason": why}
    coordinator.act(life.mine["open"].number, "confidentiality", raised)
    # before the other is disposed: whose time to be settled runs follows nobody who has more
    life.mine["open"].act("reopening", {"reason": f"Belum {word('reopening')}."})
    life.mine["open"].await_status("in_progress")
    coordinator.act(long.number, "verification", {"class": "ordinary", "category": "sekolah"})
    coordinator.act(long.number, "disposition", {"agency": "dispersip"})
    closed = {"name": "Dinas Perpustakaan dan Kearsipan", "active": False}
    life.officers["admin"].ask("PUT", "/agencies/dispersip", closed)
    note = {"agency": "disdikbud", "note": f"Dinas itu dilebur {word('note')}."}
    coordinator.act(long.number, "reassignment", note)
    agency.act(long.number, "return", {"reason": f"Ini {word('return')} bukan wewenang kami."})
    coordinator.act(long.number, "disposition", {"agency": "dlh"})
    accused = {"complains_about": ["dlh"], "reason": f"Ternyata sopirnya {word('accused')}."}
    coordinator.act(long.number, "complains-about", accused)
    other.await_status("archived")
    other.act("objections", {"reason": f"Wewenang siapa {word('objection')}?"})
    other.await_status("unverified")
    forwarding = {"to": f"Kantor {word('forwarding')}", "text": f"Diteruskan {word('forwarding')}."}
    coordinator.act(other.number, "forwarding", forwarding)
    outside = {"text": f"Mereka menulis {word('outsideword')}.", "said_on": "2026-11-20"}
    coordinator.act(other.number, "outside-words", outside)
    coordinator.act(other.number, "recall", {"reason": f"Dikirim kembali {word('recall')}."})
    coordinator.act(other.number, "forwarding", forwarding)
    merge = {"into": life.mine["open"].number, "reason": f"Sama {word('merge')}."}
    coordinator.act(long.number, "merge", merge)
    gone.await_status("withdrawn")
    life.officers["admin"].ask(
        "POST", "/officers", {"username": "baru", "role": "liaison", "agency": "disdikbud"}
    )
    return left


def escalate(life: Life, left: Citizen, move: timedelta = timedelta(days=6)) -> None:
    """Nobody handles it until it stands on the Ombudsman's feed."""
    left.act("escalation-consent", {"dossier": FORM})
    assert life.people.move_clock is not None
    for _ in range(12):
        life.people.move_clock(move)
        if any(e["what"] == "escalation.handed_over" for e in left.track()["timeline"]):
            break
    left.await_entry("escalation.handed_over")


def settle(system: System, seconds: float = 60) -> None:
    """Returns when nothing is on its way any more; what is parked stays so."""
    open_work = {
        "outbox": "SELECT count(*) FROM outbox WHERE published_at IS NULL",
        "inbox": "SELECT count(*) FROM inbox WHERE state = 'waiting'",
    }

    def quiet() -> bool:
        left = [system.psql(s, sql)[0][0] for s in system.services for sql in open_work.values()]
        unsent = system.psql("notify", "SELECT count(*) FROM message WHERE next_at IS NOT NULL")
        return not any(left) and unsent == [(0,)]

    eventually(quiet, "nothing is on its way", seconds=seconds)


def raw(system: System, request: bytes, port: int | None = None) -> Sink:
    """What comes back for bytes that are hardly HTTP."""
    place = ("127.0.0.1", port or system.port)
    said = b""
    with (
        socket.create_connection(place, 10, source_address=(ADDRESS, 0)) as connection,
        contextlib.suppress(OSError),  # whoever has heard enough hangs up
    ):
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        while part := connection.recv(65536):
            said += part
    return "answers/refused/raw", said
