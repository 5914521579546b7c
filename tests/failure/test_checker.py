"""The checker names what is planted: a checker that finds nothing proves nothing."""

import shutil
from datetime import timedelta

import pytest

from tests.harness.checker import check, settled
from tests.harness.history import History, calls
from tests.harness.waiting import eventually
from tests.harness.workload import ACCEPT, SUBMIT, Workload

pytestmark = pytest.mark.fault

REPORT = "number, kind, title, text, event_date, district, confidentiality, hidden_from_public,"
REPORT += " channel, received_at, status_since"
OTHER = REPORT.replace("number", "'KTB-00000-00000'", 1)
ENTRY = "number, at, what, detail"
SAID = "event_id, source, type, subject, sequence, correlationid, time, data"
FIRST = "(SELECT min(number) FROM case_event WHERE action = 'answer')"
TOLD = "(SELECT min(number) FROM timeline_entry WHERE what = 'case.answered')"
LATE = "(SELECT min(number) FROM timeline_entry WHERE what = 'deadline.passed')"
BREACH = "entry->>'type' = 'feed.breach.opened.v1'"

PLANTED = [
    ("doubled intake report", "intake",
     f"INSERT INTO report ({REPORT}, code_hash) SELECT {OTHER}, ''::bytea FROM report LIMIT 1"),
    ("phantom intake report", "intake",
     "UPDATE report SET title = 'nobody sent this' WHERE number = 'KTB-00000-00000'"),
    ("lost intake timeline of cases", "intake",
     f"DELETE FROM timeline_entry WHERE what = 'case.verified' AND number = {TOLD}"),
    ("doubled intake timeline of cases", "intake",
     f"INSERT INTO timeline_entry ({ENTRY}) SELECT {ENTRY} FROM timeline_entry"
     f" WHERE what = 'case.answered' AND number = {TOLD}"),
    ("phantom intake timeline of cases", "intake",
     f"INSERT INTO timeline_entry ({ENTRY}) VALUES ({TOLD}, now(), 'case.withdrawn', '{{}}')"),
    ("disordered intake timeline of cases", "intake",
     "WITH told AS (SELECT number, min(id) AS one, max(id) AS other FROM timeline_entry"
     " WHERE what IN ('case.opened', 'case.closed') GROUP BY number HAVING count(*) = 2)"
     " UPDATE timeline_entry e SET what = o.what, at = o.at FROM timeline_entry o, told"
     " WHERE told.number = (SELECT max(number) FROM told)"
     " AND (e.id, o.id) IN ((one, other), (other, one))"),
    ("doubled intake timeline of limits", "intake",
     f"INSERT INTO timeline_entry ({ENTRY}) SELECT {ENTRY} FROM timeline_entry"
     f" WHERE what = 'deadline.passed' AND number = {LATE} LIMIT 1"),
    ("stale intake status", "intake",
     f"UPDATE report SET status = 'archived' WHERE number = {LATE}"),
    ("lost routing case", "intake",
     f"INSERT INTO outbox ({SAID}, published_at) SELECT gen_random_uuid(), source, type,"
     " 'KTB-00000-00001', 1, correlationid, time, data, now() FROM outbox"
     " WHERE type = 'report.submitted.v1' LIMIT 1"),
    ("doubled client's step", "routing",
     "INSERT INTO case_event (number, at, action, role, changes) SELECT number, at, action, role,"
     f" changes FROM case_event WHERE action = 'answer' AND number = {FIRST}"),
    ("disordered routing reporter's steps", "routing",
     "UPDATE case_event SET action = CASE action WHEN 'rate' THEN 'accept' ELSE 'rate' END"
     f" WHERE action IN ('rate', 'accept') AND number <> {FIRST}"),
    ("phantom escalation clock", "escalation",
     "INSERT INTO clock (number, clock, cycle, started_at, regime, stopped_at)"
     " SELECT number, clock, 2, started_at, regime, now() FROM clock LIMIT 1"),
    ("doubled escalation clock", "escalation",
     "WITH chosen AS (SELECT * FROM clock WHERE clock = 'V' AND cycle = 1 LIMIT 1)"
     " INSERT INTO clock (number, clock, cycle, started_at, regime, stopped_at)"
     " SELECT number, clock, cycle, started_at, regime, now() FROM chosen"),
    ("doubled escalation raised", "escalation",
     f"INSERT INTO outbox ({SAID}, published_at) SELECT gen_random_uuid(), source, type, subject,"
     " 1 + (SELECT max(sequence) FROM outbox m WHERE (m.source, m.subject) = (o.source,"
     " o.subject)), correlationid, time, data, now() FROM outbox o"
     " WHERE type = 'escalation.raised.v1' LIMIT 1"),
    ("doubled feed of breaches", "escalation",
     "INSERT INTO feed_entry SELECT stream, epoch, (SELECT max(position) + 1 FROM feed_entry),"
     f" prev_hash, hash, signature, kid, entry, now() FROM feed_entry WHERE {BREACH} LIMIT 1"),
    ("disordered feed monitoring", "escalation",
     "INSERT INTO feed_entry SELECT stream, epoch, (SELECT max(position) + 2 FROM feed_entry),"
     f" prev_hash, hash, signature, kid, entry, now() FROM feed_entry WHERE {BREACH} LIMIT 1"),
    ("lost escalation position", "escalation",
     "UPDATE position SET sequence = sequence - 1 WHERE source = '/notify/messages'"),
    ("lost notify position", "notify", "DELETE FROM position WHERE source = '/intake/contacts'"),
    ("stale escalation status", "escalation", "UPDATE case_state SET cycle = cycle + 1"),
    ("doubled notify message", "notify",
     "INSERT INTO message (id, number, about, cause, facts, correlationid, state, written_at,"
     " not_before) SELECT gen_random_uuid(), number, 'merged', cause, facts, correlationid, state,"
     " written_at, not_before FROM message WHERE about = 'closed' LIMIT 1"),
    ("disordered notify order", "notify",
     "UPDATE message SET written_at = written_at - interval '1 day' WHERE about = 'closed'"),
    ("stuck notify parked", "notify",
     "UPDATE inbox SET state = 'parked' WHERE event_id = (SELECT event_id FROM inbox LIMIT 1)"),
    ("stuck routing unsaid", "routing", "UPDATE outbox SET published_at = NULL"),
]  # fmt: skip


@pytest.fixture(scope="module")
def lived(system):
    """A history in which all is well: six reports, two accepted in the end, four too late."""
    history = History(system.folder / "history.jsonl")
    Workload(system, history).run(6, live=3)
    settled(system, history.file, seconds=60)
    system.clock.move(timedelta(days=12))
    eventually(
        lambda: system.psql("escalation", f"SELECT 1 FROM feed_entry WHERE {BREACH}"),
        "breaches",
        30,
    )
    found = settled(system, history.file, seconds=60)
    assert (found.unknown, found.extra_mails) == (0, 0)
    assert found.latency[SUBMIT][0] > 0
    system.process("gateway").stop()
    for name in system.services:
        system.process(f"{name}-worker").stop()
    system.psql("escalation", "ALTER TABLE clock DROP CONSTRAINT clock_once")
    system.psql("routing", "ALTER TABLE case_event DISABLE TRIGGER USER")
    return history


@pytest.fixture(scope="module")
def seen():
    """What was named so far: nothing that is planted is taken away again."""
    return {}


@pytest.mark.parametrize(("verdict", "service", "plant"), PLANTED, ids=[p[0] for p in PLANTED])
def test_what_is_planted_is_named(system, lived, seen, verdict, service, plant):
    system.psql(service, plant)
    now = check(system, lived.file).named()
    assert now.get(verdict, 0) > seen.get(verdict, 0), now
    seen.update(now)


def test_a_receipt_for_nothing_and_a_step_that_was_refused_are_named(system, lived, tmp_path):
    file = tmp_path / "history.jsonl"
    shutil.copy(lived.file, file)
    history, done = History(file), calls(lived.lines())
    number = next(call.number for call in done if call.operation == ACCEPT)
    history.say("invoke", "c", SUBMIT, "a-key")
    history.say("ok", "c", SUBMIT, "a-key", "KTB-99999-99999", 201)
    refused = [line for line in lived.lines() if line.operation != ACCEPT or line.kind != "ok"]
    assert check(system, file).named()["lost intake report"] == 1

    file.write_text("")
    for line in refused:
        history.say(line.kind, line.client, line.operation, line.key, line.number, line.status)
    unanswered = check(system, file)  # each acceptance began and never ended
    assert unanswered.unknown == 2
    assert unanswered.beyond(check(system, lived.file)) == []

    for call in (call for call in done if call.operation == ACCEPT):
        history.say("fail", "c", ACCEPT, call.key, call.number, 409)
    phantoms = check(system, file).beyond(unanswered)
    assert {(wrong.verdict, wrong.place) for wrong in phantoms} == {("phantom", "client's step")}
    assert number in {wrong.number for wrong in phantoms}


def test_a_missing_mail_is_lost_and_a_copy_of_one_is_counted(system, lived):
    before = check(system, lived.file)
    one = min((system.folder / "mails").glob("*.eml"))
    shutil.copy(one, one.with_name(f"0{one.name}"))
    assert check(system, lived.file).extra_mails == before.extra_mails + 1

    system.forget_mails()
    missing = check(system, lived.file).beyond(before)
    assert [(wrong.verdict, wrong.place) for wrong in missing] == [("lost", "mail")] * 6
