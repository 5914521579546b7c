"""What the system holds in the end: what was said and what came of it, read from its databases,
its feed and its mailbox, and not by asking its services.

Each `Link` is a pair of lists per report: what somebody said, and the effects that whoever hears
it has. Words are compared, in order where `ordered`; `by` tells effects apart that may recur.
"""

import email
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from email.policy import default
from functools import cache
from pathlib import Path
from typing import Any, Self

import psycopg2

from deploy import secrets
from deploy.local.system import System
from deploy.rabbitmq.definitions import HEARS

Words = Mapping[str, list[str]]  # by the number of the report, in order
Query = tuple[str, str]  # a service, and a statement that gives numbers and words


@dataclass(frozen=True)
class Link:
    """`said` must have had the effects `had`: each once, and in order if `ordered`. With `order`
    alone nothing else is judged; with `state` a word that differs is stale rather than lost."""

    place: str
    said: tuple[Query, ...]
    had: Query
    ordered: bool = False
    order_alone: bool = False
    state: bool = False


def outbox(service: str, word: str, where: str) -> Query:
    """What a service has said, in the order of its streams."""
    return service, f"SELECT subject, {word} FROM outbox WHERE {where} ORDER BY sequence, id"


def table(service: str, word: str, rest: str) -> Query:
    """Rows of a service by the number of their report."""
    return service, f"SELECT number, {word} FROM {rest}"


NUMBER = r"[A-Z]{3}-\d{5}-\d{5}"
WAITING = {
    "waiting": "inbox WHERE state = 'waiting'",
    "parked": "inbox WHERE state = 'parked'",
    "unsaid": "outbox WHERE published_at IS NULL",
}
AT = "extract(epoch FROM (data->>'at')::timestamptz)"
WHEN = "extract(epoch FROM at)"
CLOCKED = "concat_ws(' ', type, data->>'clock', data->>'level')"
ENTRY = "concat_ws(' ', what || '.v1', detail->>'clock', detail->>'level')"
CASES = "source = '/routing/cases'"
LIMITS = "source IN ('/escalation/deadlines', '/escalation/escalations')"
ENDS_OFFER = "escalation.offer_taken_back.v1"  # told to nobody, and no line of a timeline
STARTED = "type = 'deadline.started.v1'"
RUN = "concat_ws(' ', clock, cycle)"
# A clock starts with the case, or with its first disposition; R only if nobody was faster.
STARTS = (
    "unnest(CASE type WHEN 'case.opened.v1' THEN ARRAY['V 1', 'H 1'] WHEN 'case.disposed.v1'"
    " THEN ARRAY['F ' || (data->>'cycle'), 'S ' || (data->>'cycle')] END)"
)
FIRST = (
    "(type = 'case.opened.v1' OR type = 'case.disposed.v1' AND sequence = (SELECT min(sequence)"
    " FROM outbox o WHERE o.subject = outbox.subject AND o.type = 'case.disposed.v1'))"
)
SHOWN = (
    f"{LIMITS} AND type <> '{ENDS_OFFER}'"
    " AND (type NOT IN ('deadline.started.v1', 'deadline.approaching.v1')"
    " AND coalesce(data->>'reason', '') NOT IN ('paused', 'resumed'))"
)
TOLD = (
    f"{LIMITS} AND type <> '{ENDS_OFFER}' AND CASE type WHEN 'deadline.started.v1' THEN false"
    " WHEN 'deadline.passed.v1' THEN data->>'clock' IN ('V', 'F', 'S', 'A')"
    " WHEN 'deadline.kept.v1' THEN data->>'clock' IN ('V', 'F', 'S', 'A')"
    " WHEN 'deadline.approaching.v1' THEN data->>'clock' IN ('R', 'D')"
    " WHEN 'deadline.recomputed.v1' THEN data->>'after' IS NOT NULL"
    " AND data->>'clock' <> 'H' AND data->>'reason' IN ('calendar', 'limit', 'promise')"
    " ELSE true END"
)
DEEDS = (
    "CASE type WHEN 'report.accepted.v1' THEN 'accept' WHEN 'report.rated.v1' THEN 'rate'"
    " WHEN 'report.supplemented.v1' THEN 'supplement' WHEN 'report.withdrawn.v1' THEN 'withdraw'"
    " ELSE 'disagree' END"
)
DEED = "CASE WHEN action IN ('object', 'reopen') THEN 'disagree' ELSE action END"
OFFICERS = (
    "'case.' || CASE action WHEN 'verify' THEN 'verified' WHEN 'dispose' THEN 'disposed'"
    " WHEN 'follow_up' THEN 'followed_up' WHEN 'answer' THEN 'answered' END || '.v1'"
)
STEPS = "action IN ('verify', 'dispose', 'follow_up', 'answer') AND refused IS NULL"
STEPS_SAID = (
    "type IN ('case.verified.v1', 'case.disposed.v1', 'case.followed_up.v1', 'case.answered.v1')"
)
SETTLED = "message WHERE place IS NULL AND state IN ('delivered', 'failed')"
TO_POSTS = (
    "type = 'escalation.raised.v1' OR type = 'deadline.approaching.v1' AND data->>'to' IS NOT NULL"
)
BREACHES = (
    "breach b JOIN clock c ON c.id = b.clock_id CROSS JOIN LATERAL (VALUES ('opened', opened_at),"
    " ('closed', closed_at)) AS turn (word, at) WHERE at IS NOT NULL"
)
FED = "SELECT entry->>'subject', {} FROM feed_entry WHERE {} ORDER BY position"
OF_BREACHES = "stream = 'monitoring' AND split_part(entry->>'type', '.', 2) = 'breach'"

LINKS = (
    Link("routing case", (outbox("intake", "'case'", "type = 'report.submitted.v1'"),),
         table("routing", "'case'", "cases")),
    Link("routing opening", (table("routing", "'opened'", "cases"),),
         outbox("routing", "'opened'", "type = 'case.opened.v1'")),
    Link("routing officers' steps", (outbox("routing", "type", STEPS_SAID),),
         table("routing", OFFICERS, f"case_event WHERE {STEPS} ORDER BY id"), ordered=True),
    Link("routing reporter's steps",
         (outbox("intake", DEEDS, "source = '/intake/reports' AND type <> 'report.submitted.v1'"),),
         table("routing", DEED, "case_event WHERE role = 'reporter' ORDER BY id"), ordered=True),
    Link("routing deadline", (outbox("escalation", "concat_ws(' ', data->>'clock',"
         " data->>'cycle')", STARTED),), table("routing", RUN, "deadline")),
    Link("intake timeline of cases", (outbox("routing", f"concat_ws(' ', type, {AT})", CASES),),
         table("intake", f"concat_ws(' ', what || '.v1', {WHEN})",
               "timeline_entry WHERE what LIKE 'case.%' ORDER BY id"), ordered=True),
    Link("intake timeline of limits", (outbox("escalation", CLOCKED, SHOWN),),
         table("intake", ENTRY,
               "timeline_entry WHERE what LIKE 'deadline.%' OR what LIKE 'escalation.%'")),
    Link("intake deadline", (outbox("escalation", "concat_ws(' ', data->>'clock',"
         " data->>'cycle')", STARTED),), table("intake", RUN, "deadline")),
    Link("intake reply", (outbox("routing", "data->>'reply_id'", "source = '/routing/replies'"),),
         table("intake", "reply_id", "reply")),
    Link("intake status", (table("routing", "status", "cases"),),
         table("intake", "status", "report"), state=True),
    Link("escalation case", (outbox("routing", "'case'", "type = 'case.opened.v1'"),),
         table("escalation", "'case'", "case_state")),
    Link("escalation status", (table("routing", "concat_ws(' ', status, cycle, agency)", "cases"),),
         table("escalation", "concat_ws(' ', status, cycle, agency)", "case_state"), state=True),
    Link("escalation clock", (outbox("routing", STARTS, FIRST),),
         table("escalation", RUN, "clock WHERE clock IN ('V', 'H', 'F', 'S')")),
    Link("escalation limits said", (table("escalation", RUN, "clock WHERE announced"),),
         outbox("escalation", "concat_ws(' ', data->>'clock', data->>'cycle')", STARTED)),
    Link("escalation limits passed", (table("escalation", RUN, "clock WHERE passed_at > '-infinity'"
         ),), outbox("escalation", "concat_ws(' ', data->>'clock', data->>'cycle')",
                     "type = 'deadline.passed.v1'")),
    Link("escalation raised",
         (table("escalation", "concat_ws(' ', c.clock, c.cycle, right(what, 1))",
                "due d JOIN clock c USING (number) WHERE c.id = d.clock_id"
                " AND what LIKE 'level%' AND fired_at > '-infinity'"),),
         outbox("escalation", "concat_ws(' ', data->>'clock', data->>'cycle', data->>'level')",
                "type = 'escalation.raised.v1'")),
    Link("feed of breaches",
         (table("escalation", f"concat_ws(' ', word, {RUN})", f"{BREACHES} ORDER BY at"),),
         ("escalation", FED.format("concat_ws(' ', split_part(entry->>'type', '.', 3),"
          " entry->'data'->>'clock', entry->'data'->>'cycle')", OF_BREACHES))),
    Link("feed of hand-overs",
         (table("escalation", "'handed over'", "case_state WHERE handed_over_at IS NOT NULL"),),
         ("escalation", FED.format("'handed over'", "stream = 'handovers'"))),
    Link("notify message",
         (outbox("routing", "event_id::text", f"{CASES} AND type <> 'case.opened.v1'"),
          outbox("intake", "event_id::text", "type = 'report.contact_sealed.v1'"),
          outbox("escalation", "event_id::text", TOLD)),
         table("notify", "cause::text", "message WHERE place IS NULL")),
    Link("notify message to a post", (outbox("escalation", "event_id::text", TO_POSTS),),
         table("notify", "cause::text", "message WHERE place > ''")),
    Link("notify order", (outbox("routing", "event_id::text", CASES),),
         table("notify", "cause::text", "message WHERE place IS NULL ORDER BY written_at"),
         order_alone=True),
    Link("notify outcome said", (table("notify", "concat_ws(' ', about, state)", SETTLED),),
         outbox("notify", "concat_ws(' ', data->>'about', split_part(type, '.', 2))",
                "source = '/notify/messages'")),
)  # fmt: skip


class Final:
    """What stands in a system's databases now, read as each service's own role; `with` ends it."""

    def __init__(self, system: System) -> None:
        self.system = system
        self._open: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._open.values():
            connection.close()

    def rows(self, service: str, statement: str) -> list[tuple[Any, ...]]:
        """Rows of one statement in a service's database."""
        if service not in self._open:
            password = secrets.read(self.system.secrets_folder, secrets.DATABASE.format(service))
            url = self.system.postgres.url(service, password).replace("+psycopg2", "")
            self._open[service] = psycopg2.connect(url, connect_timeout=30)
            self._open[service].autocommit = True
        with self._open[service].cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def words(self, query: Query) -> Words:
        """The words of a query by number, in its order."""
        found = defaultdict[str, list[str]](list)
        for number, word in self.rows(*query):
            found[number].append(str(word))
        return found

    def reports(self) -> dict[str, str]:
        """The title of every report that intake has, by number."""
        return dict(self.rows("intake", "SELECT number, title FROM report"))

    def steps(self) -> Words:
        """What officers and reporters did to each case, in order."""
        done = "case_event WHERE refused IS NULL ORDER BY id"
        return self.words(table("routing", "action", done))

    def said(self, service: str) -> dict[str, dict[str, list[int]]]:
        """By stream and subject: the numbers that a service gave its events, in order of filing."""
        found: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        rows = self.rows(service, "SELECT source, subject, sequence FROM outbox ORDER BY id")
        for source, subject, sequence in rows:
            found[source][subject].append(sequence)
        return found

    def heard(self, service: str) -> dict[str, dict[str, int]]:
        """By stream and subject: how far a service has followed it."""
        found: dict[str, dict[str, int]] = defaultdict(dict)
        rows = self.rows(service, "SELECT source, subject, sequence FROM position")
        for source, subject, sequence in rows:
            found[source][subject] = sequence
        return found

    def feed_positions(self) -> dict[str, list[int]]:
        """The positions of each stream of the feed, in order."""
        found = defaultdict[str, list[int]](list)
        ordered = "SELECT stream, position FROM feed_entry ORDER BY epoch, position"
        for stream, position in self.rows("escalation", ordered):
            found[stream].append(position)
        return found

    def delivered(self) -> Counter[str]:
        """How many messages to each report's reporter count as delivered."""
        rows = self.rows("notify", f"SELECT number FROM {SETTLED} AND state = 'delivered'")
        return Counter(number for (number,) in rows)

    def mails(self, numbers: set[str]) -> dict[str, Counter[str]]:
        """The mails about each report: how many under each Message-ID."""
        found = defaultdict[str, Counter[str]](Counter)
        for file in (self.system.folder / "mails").glob("*.eml"):
            name, about = _mail(file)
            for number in about & numbers:
                found[number][name] += 1
        return found

    def unheard(self) -> dict[str, int]:
        """Of how many subjects a service has not taken in the last event, by what it follows."""
        last = "SELECT source, subject, max(sequence) FROM outbox GROUP BY source, subject"
        said = [row for service in self.system.services for row in self.rows(service, last)]
        missing = Counter[str]()
        for service in self.system.services:
            heard = self.heard(service)
            for source, subject, sequence in said:
                if source in HEARS[service] and heard[source].get(subject, 0) < sequence:
                    missing[f"{service} {source}"] += 1
        return dict(missing)

    def unsettled(self) -> dict[str, int]:
        """What waits, is parked, is not yet said, sent or appended, by place."""
        places = {
            f"{service} {what}": (service, f"SELECT count(*) FROM {where}")
            for service in self.system.services
            for what, where in WAITING.items()
        }
        places["notify unsent"] = "notify", "SELECT count(*) FROM message WHERE next_at > 'epoch'"
        places["feed pending"] = "escalation", "SELECT count(*) FROM feed_pending"
        counted = {place: self.rows(*query)[0][0] for place, query in places.items()}
        return {place: count for place, count in counted.items() if count}


@cache
def _mail(file: Path) -> tuple[str, frozenset[str]]:
    """The Message-ID of a mail and the numbers in its text."""
    _, _, content = file.read_bytes().partition(b"\n")  # the envelope stands before it
    mail = email.message_from_bytes(content, policy=default)
    return mail["Message-ID"], frozenset(re.findall(NUMBER, mail.get_content()))
