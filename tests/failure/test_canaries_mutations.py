"""A service that gives a reporter away is caught by the sweep, at the place where it does so.

Each mistake is planted in a copy of the source; the process that it is in runs from that copy.
"""

from contextlib import closing
from dataclasses import dataclass
from fnmatch import fnmatch

import pytest
from psycopg2.errors import DeadlockDetected

from tests.failure import forms, lives, people, sinks, stored
from tests.failure.canaries import Sweep
from tests.failure.lives import Citizen, new_key, report
from tests.harness import wiretap
from tests.harness.copies import mistaken
from tests.harness.waiting import eventually

pytestmark = pytest.mark.fault


@dataclass(frozen=True)
class Mistake:
    """In which process, where it shows, and what is written instead of what in which file."""

    process: str
    places: tuple[str, ...]
    edits: tuple[tuple[str, str, str], ...]
    mood: str = "accept"


OUTGOING = "services/notify/outgoing.py"
CONSENT = "services/intake/consent.py"
NOTED = "            found = admission.findings(self._standing(tx, report, now), rules, today)"
NOBODY = "        if reach is None:\n            return NO_ADDRESS"
MISTAKES = {
    "a log line": Mistake(
        "notify-worker", ("files/log/notify-worker.log",),
        ((OUTGOING, NOBODY, f'        log.info("sending", reason=reach.email)\n{NOBODY}'),),
    ),
    "a measure's label": Mistake(
        "notify-worker", ("metrics/notify-worker",),
        ((OUTGOING, NOBODY, f'        metrics.MESSAGES.labels("x", reach.email).inc()\n{NOBODY}'),
         (OUTGOING, "from services.notify import ", "from services.notify import metrics, ")),
    ),
    "a mail server's words": Mistake(
        "notify-worker", ("files/log/notify-worker.log",),
        (("services/notify/channel.py", "raise _Refused(answer[0])",
          "raise RuntimeError(answer[1].decode())"),
         ("chassis/logs.py", '"error": type(error).__name__', '"error": str(error)')),
        mood="reject 9",
    ),
    "a row": Mistake(
        "notify-worker", ("database/notify/reporter",),
        (("services/notify/reporters.py", "row.data_key = wrapped.kek, wrapped.key",
          "row.data_key = wrapped.kek, wrapped.key + (contact.phone or '').encode().hex().encode("
          ")"),),
    ),
    "a mail's header": Mistake(
        "notify-worker", ("mails/header/Subject",),
        (("services/notify/letters.py", '"Subject": subject',
          '"Subject": f"{subject} {recipient}"'),),
    ),
    "an address of a page": Mistake(
        "notify-worker", ("mails/text",),
        ((OUTGOING, "url=self._page", 'url=f"{self._page}?to={reach.email}"'),),
    ),
    "an event": Mistake(
        "intake-api", ("tap/lapor.events/report.submitted.v1",),
        (("services/intake/events.py", '"place": body["place"].get("detail")',
          '"place": (body.get("contact") or {}).get("phone")'),),
    ),
    "an error's words": Mistake(
        "intake-api", ("answers/refused/POST /api/v1/reports",),
        (("services/intake/domain.py", 'Invalid("there is no such code"',
          "Invalid(f\"none of {body['contact']['email']}\""),),
    ),
    "a digest of an address": Mistake(
        "intake-api", ("database/intake/outbox",),
        (("services/intake/events.py", '"key_id": key_id',
          '"key_id": __import__("hashlib").md5(body["contact"]["email"].encode()).hexdigest()'),),
    ),
    "a form": Mistake(
        "intake-api", (
            "files/log/intake-api.log", "tap/lapor.events/report.escalation_consented.v1",
            "answers/refused/POST /api/v1/reports/*/escalation-consent",
        ),
        ((CONSENT, NOTED,
          f'{NOTED}\n            log.info("consent", reason=(form or {{}}).get("remedy"))'),
         (CONSENT, "from chassis import web\n",
          "from chassis import web\nfrom chassis.logs import log\n"),
         ("services/intake/envelopes.py", "sealed = self._sealer.seal(told, number, *block)",
          'sealed = __import__("base64").urlsafe_b64encode(repr(told).encode()).decode()'
          '.rstrip("=") + ".a.a.a.a"'),
         (CONSENT, 'Invalid("this day lies in the future", "dossier.birth',
          'Invalid(f"{form[\'full_name\']} is not born", "dossier.birth')),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def system(system):
    wiretap.attach(system.broker)
    return system


@pytest.fixture
def watched(system):
    with closing(lives.stage(system)) as one:
        yield one


def seen(system, watched, tmp_path, places):
    """What the sweep finds wrong, where it is looked for: by pattern."""
    looks = {"files": stored.files, "metrics": sinks.metrics, "database": stored.databases,
             "mails": sinks.mails, "answers": lambda _: watched.sinks(),
             "tap": lambda s: sinks.tapped(wiretap.caught(s.broker))}  # fmt: skip
    found = [(place, held) for place in places
             for name, held in looks[place.partition("/")[0]](system)
             if fnmatch(name, place)]  # fmt: skip
    return set(Sweep(people.canaries()).leaks(found, tmp_path / "sinks"))


@pytest.mark.parametrize("name", list(MISTAKES))
def test_whoever_gives_a_reporter_away_is_caught(system, watched, tmp_path, name):
    mistake = MISTAKES[name]
    assert seen(system, watched, tmp_path, mistake.places) == set()

    with mistaken(system, mistake.process, tmp_path, mistake.edits):
        system.mail_mood(mistake.mood)
        citizen = Citizen(watched.client())
        citizen.file("confidential", people.PERSON)
        wrong = report("confidential", people.PERSON) | {"category": "tidak-ada"}
        assert citizen.client.post("/reports", json=wrong, headers=new_key()).status_code == 422
        unborn = people.FORM | {"birth_date": forms.AHEAD["birth_date"][0]}
        assert forms.consented(citizen, unborn).status_code == 422
        assert forms.consented(citizen, people.FORM).status_code == 202

        caught = set()

        def all_caught():
            caught.update(seen(system, watched, tmp_path, mistake.places))
            return caught == set(mistake.places)  # what was heard on the way is not heard again

        eventually(all_caught, name, seconds=30)
        clear_up(system)


def undeterred(work, tries=5):
    """The database chooses one of two who wait for each other: here, this test or the worker that
    it clears up beside. `chassis.database.again` is for what SQLAlchemy raises."""
    for _ in range(tries - 1):
        try:
            return work()
        except DeadlockDetected:
            continue
    return work()


def clear_up(system):
    """Takes away what the mistake left, for the next one."""
    system.mail_mood("accept")
    system.forget_mails()
    for log in system.logs.glob("*.log"):
        log.write_bytes(b"")
    undeterred(lambda: system.psql("notify", "TRUNCATE message, attempt, reporter"))
    system.psql("intake", "DELETE FROM outbox WHERE published_at IS NOT NULL")
