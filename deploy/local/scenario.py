"""The story of two reports, told over HTTP as their people would.

One is carried through to the end; nobody answers the other, and it comes to the Ombudsman, whose
own program reads it, answers and orders what the agency did not do.
"""

import contextlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import uuid4

import httpx

from deploy.local import outside
from deploy.local.mailbox import Mail
from deploy.local.plain import PLAIN
from deploy.local.texts import (
    ANSWER,
    CORRECTION,
    FILE,
    FOLLOW_UP,
    FORM,
    RECOMMENDED,
    SECOND_ANSWER,
    SECOND_FOLLOW_UP,
)
from deploy.local.words import line

PATIENCE = 20.0  # seconds for a fact to reach everybody who needs it
AGENCY, DISTRICT, CATEGORY = "dpupr", "63.02.06", "jalan-jembatan"
# The clock moves by small steps while the ladder is climbed, and by larger ones while all is quiet.
SMALL, LARGE, CLIMBED = timedelta(days=3), timedelta(days=12), timedelta(days=15)
UNDONE = timedelta(days=31)  # the agency's time for what the Ombudsman ordered, and a day
QUIET = 1.2  # seconds without news, after which the clock moves on
T = TypeVar("T")
Move = Callable[[timedelta], None]
LONGEST = timedelta(days=100)  # of silence; every hand-over limit lies before it


class Wrong(Exception):
    """The system did not do what it promises; the text says at which step."""


@dataclass
class Stage:
    """A running system as its people see it."""

    url: str
    passwords: dict[str, str]
    mails: Callable[[], list[Mail]]
    move_clock: Move | None
    ombudsman_key: str
    # What else the Ombudsman has: `signing-key` and `opening-key`, if its own program takes part.
    ombudsman_keys: Mapping[str, str] = field(default_factory=dict)
    trusted: bool = True  # whether the gateway's certificate is one that everybody trusts
    _step: int = field(default=0, init=False)
    _clients: list[httpx.Client] = field(default_factory=list, init=False)

    def client(self, headers: dict[str, str] | None = None) -> httpx.Client:
        """Speaks to the gateway and nobody else, whatever proxy this machine uses."""
        one = httpx.Client(
            base_url=f"{self.url}/api/v1", headers=headers, timeout=20, trust_env=False,
            verify=PLAIN if self.url.startswith("http:") else self.trusted,
        )  # fmt: skip
        self._clients.append(one)
        return one

    def close(self) -> None:
        """Ends every conversation."""
        for one in self._clients:
            one.close()

    def say(self, indonesian: str, english: str) -> None:
        """Tells the next step in both languages."""
        self._step += 1
        print(f"\n{self._step:2}. {indonesian}\n    {english}", flush=True)


class Person:
    """Somebody who sends requests; a refusal that was not expected ends the story."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        answer = self.client.request(method, path, json=body, **more)
        if answer.is_error:
            raise Wrong(f"{method} {path} was answered with {answer.status_code}: {answer.text}")
        return answer.json() if answer.content else None


class Reporter(Person):
    """Sends one report and follows it with its secret code."""

    number = code = ""

    def submit(self, title: str, text: str, event_date: str, email: str | None) -> dict[str, Any]:
        contact = {"name": "Siti Rahmah", "email": email, "language": "id"} if email else None
        body = {
            "kind": "complaint", "title": title, "text": text, "event_date": event_date,
            "place": {"district": DISTRICT, "detail": "depan pasar, RT 04"}, "category": CATEGORY,
            "confidentiality": "confidential" if email else "anonymous", "contact": contact,
        }  # fmt: skip
        receipt: dict[str, Any] = self.ask(
            "POST", "/reports", {name: value for name, value in body.items() if value is not None},
            headers={"Idempotency-Key": str(uuid4())},
        )  # fmt: skip
        self.number, self.code = receipt["number"], receipt["code"]
        return receipt

    def track(self) -> dict[str, Any]:
        found: dict[str, Any] = self.ask(
            "POST", "/reports/track", {"number": self.number, "code": self.code}
        )
        return found

    def act(self, what: str, body: dict[str, Any]) -> None:
        path = f"/reports/{self.number}/{what}"
        self.ask("POST", path, body, headers={"Tracking-Code": self.code})

    def await_status(self, wanted: str) -> dict[str, Any]:
        """What tracking shows once the report stands there."""
        return until(lambda: seen if (seen := self.track())["status"] == wanted else None,
                     f"report {self.number} is {wanted}")  # fmt: skip

    def await_entry(self, what: str, times: int = 1) -> dict[str, Any]:
        """What tracking shows once the timeline has `what`, so many times."""

        def there() -> dict[str, Any] | None:
            seen = self.track()
            told = [entry for entry in seen["timeline"] if entry["what"] == what]
            return seen if len(told) >= times else None

        return until(there, f"{what} is on the timeline of {self.number}")


class Officer(Person):
    """Somebody of the government, signed in."""

    def act(self, number: str, what: str, body: dict[str, Any]) -> None:
        self.ask("POST", f"/cases/{number}/{what}", body)

    def await_case(self, number: str) -> dict[str, Any]:
        """The case, once it has reached this desk."""

        def there() -> dict[str, Any] | None:
            answer = self.client.get(f"/cases/{number}")
            return dict(answer.json()) if answer.is_success else None

        return until(there, f"case {number} is on the desk")


def sign_in(stage: Stage, username: str) -> Officer:
    """Signs in; a first password is changed at once, as the system asks."""
    password = stage.passwords[username]
    first = _session(stage, username, password)
    if first["must_change_password"]:
        fresh = f"gerimis di dermaga {uuid4().hex[:12]}"
        change = {"password": password, "new_password": fresh}
        Officer(stage.client(_bearer(first["token"]))).ask("POST", "/officers/password", change)
        stage.passwords[username] = fresh
        first = _session(stage, username, fresh)
    return Officer(stage.client(_bearer(first["token"])))


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _session(stage: Stage, username: str, password: str) -> dict[str, Any]:
    who = {"username": username, "password": password}
    session: dict[str, Any] = Person(stage.client()).ask("POST", "/officers/sign-in", who)
    return session


def until(ask: Callable[[], T | None], what: str, seconds: float = PATIENCE) -> T:
    """The first answer that is not None; Wrong when there was none in time."""
    deadline = time.monotonic() + seconds
    while (answer := ask()) is None:
        if time.monotonic() > deadline:
            raise Wrong(f"waited {seconds:.0f} s in vain until {what}")
        time.sleep(0.1)
    return answer


def tell(stage: Stage, today: str) -> None:
    """The whole story. Raises Wrong at the first thing that is not as promised."""
    with contextlib.closing(stage):
        carried_through(stage, today)
        if stage.move_clock is None:
            stage.say("Cerita kedua dilewati.", "The clock cannot be moved: no second story.")
        else:
            unanswered(stage, stage.move_clock, today)


def carried_through(stage: Stage, today: str) -> Reporter:
    """A report that is verified, disposed, answered, objected to, answered again and accepted."""
    citizen = Reporter(stage.client())
    stage.say("Warga mengirim pengaduan.", "A citizen sends a complaint.")
    receipt = citizen.submit(
        "Jalan berlubang di depan pasar", "Lubang besar di jalan, dua motor jatuh minggu ini.",
        today, "siti@contoh.example",
    )  # fmt: skip
    print(
        f"    number {receipt['number']}   code {receipt['code']}   promised {receipt['promised']}"
    )
    proof = outside.verified(receipt, citizen.ask("GET", "/receipts/keys"))
    print(f"    a program that shares no code with the system checks its proof: it {proof}")
    _mail(stage, citizen, 1)

    stage.say(
        "Koordinator memverifikasi dan mendisposisikan.", "The coordinator verifies and disposes."
    )
    coordinator = sign_in(stage, "koordinator")
    coordinator.await_case(citizen.number)
    kind = {"class": "ordinary", "category": CATEGORY}
    coordinator.act(citizen.number, "verification", kind)
    coordinator.act(citizen.number, "disposition", {"agency": AGENCY})
    citizen.await_status("disposed")
    _mail(stage, citizen, 2)

    stage.say("Dinas menindaklanjuti, lalu menjawab.", "The agency follows up, then answers.")
    agency = sign_in(stage, AGENCY)
    agency.await_case(citizen.number)
    agency.act(citizen.number, "follow-ups", {"text": FOLLOW_UP})
    citizen.await_status("in_progress")
    agency.act(citizen.number, "answer", ANSWER)
    citizen.await_status("answered")
    _mail(stage, citizen, 3)

    stage.say(
        "Warga keberatan: lubangnya masih ada.", "The citizen objects: the hole is still there."
    )
    citizen.act("objections", {"reason": "Lubang ditutup tanah saja dan terbuka lagi saat hujan."})
    citizen.await_entry("case.objected")
    citizen.await_status("in_progress")

    stage.say("Dinas menjawab lagi.", "The agency answers again.")
    agency.act(citizen.number, "follow-ups", {"text": SECOND_FOLLOW_UP})
    agency.act(citizen.number, "answer", SECOND_ANSWER)
    citizen.await_status("answered")

    stage.say("Warga menerima dan memberi nilai.", "The citizen accepts and rates.")
    citizen.act("acceptance", {"stars": 5, "comment": "Terima kasih, sudah diaspal."})
    show(citizen.await_status("closed"))
    return citizen


def unanswered(stage: Stage, move_clock: Move, today: str) -> Reporter:
    """A report that everybody ignores until it stands on the Ombudsman's feed."""
    citizen = Reporter(stage.client())
    stage.say(
        "Laporan kedua; tidak seorang pun menanggapinya.", "A second report; nobody reacts to it."
    )
    citizen.submit(
        "Jembatan kayu hampir putus", "Papan jembatan lapuk; anak sekolah lewat setiap hari.",
        today, None,
    )  # fmt: skip
    citizen.await_entry("case.opened")

    stage.say("Hari-hari berlalu; tangga eskalasi dinaiki.", "Days pass; the ladder is climbed.")
    _silence(move_clock, citizen, "escalation.offered")
    stage.say(
        "Warga setuju dibawa ke Ombudsman; hanya Ombudsman yang dapat membaca identitasnya.",
        "The citizen consents; only the Ombudsman can read who they are.",
    )
    citizen.act("escalation-consent", {"dossier": FORM})
    show(citizen.await_entry("escalation.handed_over"))

    stage.say("Ombudsman membaca umpannya.", "The Ombudsman reads the feed.")
    entry = until(lambda: _handed_over(stage, citizen.number), f"{citizen.number} is on the feed")
    print(
        f"    {entry['time'][:10]}  {entry['type']}  {entry['subject']}, signed by {entry['kid']}"
    )
    if stage.ombudsman_keys:
        answered(stage, move_clock, citizen, datetime.fromisoformat(entry["time"]))
    return citizen


def answered(stage: Stage, move_clock: Move, citizen: Reporter, at: datetime) -> None:
    """The Ombudsman's own program checks and keeps the feed, opens the dossier, and answers to the
    end. It goes by the real clock: when it decides is told to it, in the story's days."""
    keys = {"bearer": stage.ombudsman_key, **stage.ombudsman_keys}
    with outside.office(f"{stage.url}/api", keys) as office:

        def answer(what: str, *words: str) -> None:
            office.run("answer", citizen.number, what, *FILE, "--at", at.isoformat(), *words)

        print(f"    {office.run('follow', '--once').splitlines()[-1]}")
        print(f"    opened: {', '.join(_opened(office, citizen.number))}")
        stage.say("Ombudsman menerima, memeriksa, menengahi.", "It receives, examines, mediates.")
        for what in ("received", "under_examination", "mediation"):
            answer(what)
        stage.say("Ombudsman meminta tindakan korektif.", "The Ombudsman orders a correction.")
        answer("corrective_action", "--words", CORRECTION)
        citizen.await_entry("escalation.answered", 4)
        due = until(lambda: _limit(citizen, "C"), f"the order for {citizen.number} has a limit")
        stage.say("Tidak dilaksanakan: rekomendasi.", "It is not done: a recommendation.")
        move_clock(UNDONE)
        at += UNDONE
        answer("recommendation", "--words", RECOMMENDED)
        citizen.await_entry("escalation.answered", 5)
        last = until(lambda: _limit(citizen, "O"), f"the recommendation on {citizen.number} too")
        stage.say("Setelah dilaksanakan, Ombudsman menutup.", "Once done, the Ombudsman closes.")
        answer("closed")
        seen = citizen.await_entry("escalation.answered", 6)
        for entry in seen["timeline"]:
            if entry["what"] == "escalation.answered":
                print(f"    {line(entry)}")
        print(f"    (limit of the order: {due[:10]}; of the recommendation: {last[:10]})")
        until(
            lambda: '"answer": "closed"' in _chained(office) or None, "the answers are on the chain"
        )
        print("    " + office.run("verify").strip().replace("\n", "\n    "))


def _opened(office: outside.Outside, number: str) -> list[str]:
    """Which sealed parts of the dossier the Ombudsman's key opened. Raises Wrong for the others."""
    dossier = json.loads((office.folder / "dossiers" / f"{number}.json").read_text())
    if closed := [part["part"] for part in dossier["opened"] if "opened" not in part]:
        raise Wrong(f"the Ombudsman's key does not open {', '.join(closed)} of {number}")
    return [part["part"] for part in dossier["opened"]]


def _limit(citizen: Reporter, clock: str) -> str | None:
    """When what the Ombudsman asked for must be done."""
    limits = citizen.track()["deadlines"]
    return next((limit["due_at"] for limit in limits if limit["clock"] == clock), None)


def _chained(office: outside.Outside) -> str:
    """What the chain holds of the hand-overs."""
    office.run("follow", "--once")
    return (office.folder / "handovers.jsonl").read_text()


def _silence(move_clock: Move, citizen: Reporter, what: str) -> None:
    """Lets days pass, a few at a time, until `what` is on the timeline."""
    passed, told = timedelta(), len(citizen.track()["timeline"])
    while passed <= LONGEST:
        seen = _settled(citizen, what)
        for entry in seen["timeline"][told:]:
            print(f"    {line(entry)}", flush=True)
        told = len(seen["timeline"])
        if any(entry["what"] == what for entry in seen["timeline"]):
            return
        step = SMALL if passed < CLIMBED else LARGE
        move_clock(step)
        passed += step
    print(f"    {passed.days} days of silence", flush=True)
    citizen.await_entry(what)  # a machine may be late


def _settled(citizen: Reporter, what: str) -> dict[str, Any]:
    """What tracking shows after a moment without news, or as soon as it has `what`."""
    seen, quiet_since = citizen.track(), time.monotonic()
    while time.monotonic() - quiet_since < QUIET:
        time.sleep(0.1)
        now = citizen.track()
        if len(now["timeline"]) > len(seen["timeline"]):
            seen, quiet_since = now, time.monotonic()
        if any(entry["what"] == what for entry in seen["timeline"]):
            break
    return seen


def _handed_over(stage: Stage, number: str) -> dict[str, Any] | None:
    """The feed's entry for a report."""
    ombudsman = Person(stage.client(_bearer(stage.ombudsman_key)))
    page = ombudsman.ask("GET", "/ombudsman/feed", params={"stream": "handovers"})
    return next((event for event in page["events"] if event["subject"] == number), None)


def _mail(stage: Stage, citizen: Reporter, at_least: int) -> None:
    """Waits for the reporter's mail and shows its subject."""

    def arrived() -> Mail | None:
        mine = [mail for mail in stage.mails() if citizen.number in mail.text]
        return mine[-1] if len(mine) >= at_least else None

    mail = until(arrived, f"mail number {at_least} about {citizen.number} arrived")
    print(f"    mail to {', '.join(mail.to)}: {mail.subject}", flush=True)


def show(seen: dict[str, Any]) -> None:
    """The timeline as the reporter sees it."""
    print(f"    {seen['number']} - {seen['title']} - {seen['status']}")
    for entry in seen["timeline"]:
        print(f"      {line(entry)}")
