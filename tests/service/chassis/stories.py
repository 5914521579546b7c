"""Small stories that the tests of the bus tell to intake's worker, and what it made of them."""

import json
from uuid import uuid4

from chassis.inbox import ANYBODY
from tests.harness.programs import run_command
from tests.harness.publishing import event

AT = "2026-11-23T02:00:00Z"
DESKS = {"decider": "coordinator", "passes_by": []}


def report(db, number="KTB-12345-67894"):
    """A report that case events may be about."""
    db.psql(
        "INSERT INTO report (number, code_hash, kind, title, text, event_date, district,"
        " confidentiality, hidden_from_public, channel, received_at, status_since)"
        " VALUES (%s, '', 'complaint', 't', 't', now(), '63.02.06', 'open', false, 'web',"
        " now(), now())",
        [number],
    )
    return number


def opened(number, sequence=1):
    data = {"at": AT, "status": "unverified", "kind": "complaint", "received_at": AT}
    data |= {"confidentiality": "open", "hidden_from_public": False, "reachable": False}
    data |= DESKS
    return event("case.opened.v1", number, sequence, data)


def way(number):
    """The first four events of a case, in order."""
    verified = {"at": AT, "status": "unverified", "kind": "complaint", "class": "ordinary"}
    disposed = verified | {"status": "disposed", "agency": "dpupr", "supporting": [], "cycle": 1}
    followed = {"at": AT, "status": "in_progress", "agency": "dpupr", "first": True, "cycle": 1}
    followed |= {"reply_id": str(uuid4()), "evidence": []}
    return [
        opened(number),
        event("case.verified.v1", number, 2, verified | {"category": "jalan-jembatan"} | DESKS),
        event("case.disposed.v1", number, 3, disposed | {"category": "jalan-jembatan"}),
        event("case.followed_up.v1", number, 4, followed),
    ]


def hear(service, *documents):
    """By themselves, one after the other; what became of each."""
    return [service.inbox.receive(json.dumps(one).encode(), ANYBODY) for one in documents]


def timeline(db):
    return [what for (what,) in db.psql("SELECT what FROM timeline_entry ORDER BY id")]


def inbox(db):
    return db.psql("SELECT state, reason, attempts FROM inbox WHERE state <> 'done'")


def reasons(db):
    return {(state, reason) for state, reason, _ in inbox(db)}


def has_waited(worker):
    """Whether an event ever had to wait here: for how long is a matter of luck."""
    return any(line["event"] == "event_waiting" for line in worker.logged())


def command(db, surroundings, *words):
    told = surroundings.environment("intake", DATABASE_URL=db.url)
    ran = run_command("intake", *words, env=told)
    ran.check_returncode()
    return ran.stdout
