"""Every state in which a row may stand, read from the databases themselves, and what ends it.

A state is a table, a word of one of its closed sets, or a time that may be empty. `PLANTED` makes
rows that nobody is at work on any more; each is taken up by itself or shows in an alert. `RESTS`
says of all others why nothing has to end them.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

from deploy.local.system import System
from services.escalation.models import REFUSALS

OPEN = ("unverified", "awaiting_reporter", "disposed", "in_progress", "answered")
OVER = ("closed", "archived", "forwarded_externally", "withdrawn")
CHASSIS = ("outbox", "stream", "inbox", "position", "idempotency", "epoch", "tally")
# Words that say what a row is about, and not where it stands.
KINDS = {
    "about", "action", "channel", "class", "clock", "closed_how", "confidentiality", "decider",
    "deed", "how", "kind", "list", "name_source", "reply", "role", "stream", "unit", "what",
    "archive_reason", "awaited_from", "brought_to", "work", "rule",
    "post", "standing", "part", "answer", "ombudsman", "because",
}  # fmt: skip


@dataclass(frozen=True)
class Planted:
    """A row that nobody is at work on: `left` finds it until it was taken up; or it has `alert`."""

    name: str
    service: str
    covers: tuple[str, ...]
    sql: str
    left: str = ""
    alert: str = ""


def states(system: System) -> set[str]:
    """All there are: `notify.message`, `notify.message.state=due`, `notify.message.next_at`."""
    found: set[str] = set()
    for service in system.services:
        tables = {t for (t,) in system.psql(service, _TABLES)}
        found |= {_place(service, table) for table in tables}
        for table, rule in system.psql(service, _RULES):
            for column, words in re.findall(r"\(?(\w+)\)?(?:::text)? = ANY \((.*?)\]", rule):
                if column not in KINDS:
                    place = f"{_place(service, table)}.{column}"
                    found |= {f"{place}={word}" for word in re.findall(r"'(\w+)'", words)}
        for table, column in system.psql(service, _TIMES):
            found.add(f"{_place(service, table)}.{column}")
    return found


def _place(service: str, table: str) -> str:
    return f"every.{table}" if table in CHASSIS else f"{service}.{table}"


_TABLES = (
    "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
)
_RULES = (
    "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE contype = 'c' AND connamespace = 'public'::regnamespace"
)
_TIMES = (
    "SELECT table_name, column_name FROM information_schema.columns"
    " WHERE table_schema = 'public' AND data_type = 'timestamp with time zone'"
    " AND is_nullable = 'YES'"
)


def planted(system: System, numbers: Sequence[str]) -> list[Planted]:
    """One of each state in which a row could be forgotten; `numbers` are four reports with their
    cases: what mends one row must not mend another's."""
    told, fired, measured, unmeasured = numbers
    return [
        *(one for service in system.services for one in _piped(service)),
        *_messages(told),
        *_fired(fired),
        *_measured(measured, unmeasured),
        *_counted(told),
    ]


# Of each service one type that has no effect in itself: nothing but the row is looked at.
SAID = {
    "intake": "report.submitted.v1",
    "routing": "case.opened.v1",
    "notify": "message.delivered.v1",
    "escalation": "deadline.started.v1",
}


def _filed(
    type: str, subject: str, state: str, sequence: int, *, due: str, reason: str = ""
) -> str:
    """An event of a stream of its own that was filed an hour ago."""
    event = {
        "specversion": "1.0", "datacontenttype": "application/json", "id": str(uuid4()),
        "source": "/intake/forgotten", "type": type, "subject": subject,
        "time": "2026-11-24T00:00:00Z", "sequence": sequence, "correlationid": subject, "data": {},
    }  # fmt: skip
    body = json.dumps(event).encode().hex()
    return (
        "INSERT INTO inbox (event_id, type, source, subject, sequence, state, reason, attempts,"
        " next_try_at, body, received_at)"
        f" VALUES ('{event['id']}', '{event['type']}', '{event['source']}', '{subject}',"
        f" {sequence}, '{state}', '{reason}', 3, now() + interval '{due}', '\\x{body}',"
        " now() - interval '1 hour')"
    )


def _piped(service: str) -> list[Planted]:
    waiting, parked = "every.inbox.state=waiting", "every.inbox.state=parked"
    said = "SELECT 1 FROM outbox WHERE published_at IS NULL"
    open_one = "SELECT 1 FROM inbox WHERE subject = 'due' AND state <> 'done'"
    unsaid = (
        "UPDATE outbox SET published_at = NULL, emitted_at = now() - interval '1 hour'"
        " WHERE id IN (SELECT max(id) FROM outbox)"
    )
    times = ("every.inbox.next_try_at", waiting)
    filed = partial(_filed, SAID[service])
    return [
        Planted("not said", service, ("every.outbox", "every.outbox.published_at"), unsaid, said),
        Planted("due", service, times, filed("due", "waiting", 1, due="-1 hour"), open_one),
        Planted("a gap", service, times, filed("gap", "waiting", 5, due="-1 hour", reason="gap"),
                alert="EventsMissing"),
        Planted("late", service, times, filed("late", "waiting", 1, due="1 hour"),
                alert="InboxStuck"),
        Planted("parked", service, (parked,), filed("parked", "parked", 1, due="0"),
                alert="EventsParked"),
    ]  # fmt: skip


def _message(like: str, state: str, next_at: str, number: str | None = None) -> str:
    """A message of an hour ago, like the one that told of the receipt of report `like`."""
    return (
        "INSERT INTO message (id, number, about, cause, cycle, facts, correlationid, state, reason,"
        " attempts, next_at, written_at, not_before)"
        f" SELECT gen_random_uuid(), '{number or like}', 'received', gen_random_uuid(), 1, facts,"
        f" correlationid, '{state}', NULL, 1, {next_at}, now() - interval '1 hour',"
        " now() - interval '1 hour'"
        f" FROM message WHERE number = '{like}' AND about = 'received' LIMIT 1"
    )


def _messages(number: str) -> list[Planted]:
    at = "notify.message.next_at"
    attempt = (
        "; INSERT INTO attempt (message_id, n, started_at) SELECT id, 1, now() - interval '1 hour'"
        " FROM message WHERE state = 'sending'"
    )
    past, later = "now() - interval '1 hour'", "now() + interval '9 hours'"
    return [
        Planted("due", "notify", ("notify.message.state=due", at),
                _message(number, "due", past),
                "SELECT 1 FROM message WHERE state = 'due' AND next_at < now()"),
        Planted("lease over", "notify",
                ("notify.message.state=sending", "notify.attempt", "notify.attempt.ended_at"),
                _message(number, "sending", past) + attempt,
                "SELECT 1 FROM message m LEFT JOIN attempt a ON a.message_id = m.id"
                " WHERE m.state = 'sending' OR (a.n IS NOT NULL AND a.outcome IS NULL)"),
        Planted("late", "notify", (at,), _message(number, "due", later, number="KTB-0"),
                alert="MessagesStuck"),
        Planted("no contact", "notify", ("notify.reporter", "notify.reporter.state=expected"),
                "INSERT INTO reporter (number, state, opened) VALUES ('KTB-0', 'expected', true)",
                alert="ContactsMissing"),
    ]  # fmt: skip


def _failed(work: str, number: str) -> str:
    return f"INSERT INTO failed_turn VALUES ('{work}', '{number}', now() - interval '1 hour')"


def _fired(number: str) -> list[Planted]:
    due = (
        "UPDATE due SET due_at = now() - interval '1 hour' WHERE id ="
        f" (SELECT min(id) FROM due WHERE number = '{number}' AND fired_at IS NULL)"
    )
    pending = (
        "INSERT INTO feed_pending (stream, event_id, type, subject, time, data, written_at) VALUES"
        " ('monitoring', gen_random_uuid(), 'case.opened', 'KTB-0', now(), '{}',"
        " now() - interval '1 hour')"
    )
    breaker = tuple(f"escalation.breaker.reason={why}" for why in REFUSALS)
    return [
        Planted("overdue", "escalation", ("escalation.due", "escalation.due.fired_at"), due,
                "SELECT 1 FROM due WHERE fired_at IS NULL AND due_at < now()"),
        Planted("failed once", "escalation", ("escalation.failed_turn",), _failed("fire", number),
                "SELECT 1 FROM failed_turn WHERE work = 'fire'"),
        Planted("held back", "escalation",
                ("escalation.breaker", "escalation.breaker.refused_at", *breaker),
                "UPDATE breaker SET reason = 'mass_firing', refused_at = now() - interval '1 hour'",
                "SELECT 1 FROM breaker WHERE reason IS NOT NULL"),
        Planted("not on the feed", "escalation", ("escalation.feed_pending",), pending,
                "SELECT 1 FROM feed_pending"),
    ]  # fmt: skip


def _measured(number: str, other: str) -> list[Planted]:
    old = f"UPDATE clock SET regime = regime - 1 WHERE number = '{number}' AND clock = 'V'"
    none = (
        "UPDATE clock SET due_at = NULL, problem = CASE clock WHEN 'V' THEN 'no_limit'"
        f" ELSE 'calendar' END WHERE number = '{other}'"
    )
    clock = "escalation.clock"
    problems = (f"{clock}.problem=no_limit", f"{clock}.problem=calendar", f"{clock}.due_at")
    return [
        Planted("old rules", "escalation", ("escalation.regime",),
                f"{old}; {_failed('measure', number)}",
                "SELECT 1 FROM clock, regime WHERE regime < version AND stopped_at IS NULL"
                " UNION SELECT 1 FROM failed_turn WHERE work = 'measure'"),
        Planted("no end", "escalation", problems, none, alert="ClocksUndecidable"),
        Planted("unwatched", "escalation",
                ("escalation.case_state", clock, f"{clock}.stopped_at"),
                _copies("case_state", number, 5), alert="CasesUnwatched"),
        Planted("unheard", "escalation", (), _unheard(number, "KTB-8"), alert="AnswersUnheard"),
        Planted("not handed over", "escalation", ("escalation.consent",),
                _consented(number, "KTB-9"), alert="HandoversStalled"),
    ]  # fmt: skip


def _unheard(like: str, number: str) -> str:
    """A case like another one, whose answer could not be brought to its reporter."""
    own = f"'number', '{number}', 'status', 'answered', 'unheard_cycle', t.cycle"
    return (
        f"INSERT INTO case_state SELECT (jsonb_populate_record(t, jsonb_build_object({own}))).*"
        f" FROM case_state t WHERE number = '{like}'"
    )


def _consented(like: str, number: str) -> str:
    """A case like another one, whose limit passed an hour ago, and the consent of its reporter."""
    own = f"'number', '{number}'"
    return (
        "INSERT INTO case_state SELECT (jsonb_populate_record(t, jsonb_build_object("
        f"{own}, 'status', 'unverified'))).* FROM case_state t WHERE number = '{like}';"
        " INSERT INTO clock (number, clock, cycle, started_at, due_at, passed_at, regime)"
        f" SELECT '{number}', clock, cycle, started_at, now() - interval '1 hour',"
        f" now() - interval '1 hour', regime FROM clock WHERE number = '{like}' AND clock = 'H';"
        f" INSERT INTO consent (number, at) VALUES ('{number}', now() - interval '1 hour')"
    )


def _copies(table: str, number: str, how_many: int) -> str:
    """Rows like the one of `number`, under other numbers, in every status in turn."""
    return ";".join(
        f"INSERT INTO {table} SELECT (jsonb_populate_record(t, jsonb_build_object('number',"
        f" 'KTB-{i}', 'status', '{(OPEN + OVER)[i % 9]}'))).* FROM {table} t"
        f" WHERE number = '{number}'"
        for i in range(how_many)
    )


def _counted(number: str) -> list[Planted]:
    """Cases and reports that no other service has: so many more at each hop that it shows."""
    reports = tuple(f"intake.report.status={word}" for word in OPEN + OVER)
    opened = tuple(f"routing.cases.status={word}" for word in OPEN + OVER)
    return [
        Planted("without a case", "intake", ("intake.report", *reports),
                _copies("report", number, 20), alert="hop intake to routing"),
        Planted("unheard of", "routing", ("routing.cases", *opened),
                _copies("cases", number, 10), alert="hop routing to escalation"),
    ]  # fmt: skip
