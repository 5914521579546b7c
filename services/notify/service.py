"""The worker: hears of every step, writes the message about it, and sends what is due."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import eventlet
import sqlalchemy as sa
from nameko.extensions import DependencyProvider
from sqlalchemy.orm import Session

from chassis.events import Event
from chassis.logs import cause, log
from chassis.service import Service, every, subscribe
from chassis.together import hold
from services.notify import (
    contacts,
    domain,
    filing,
    ledger,
    metrics,
    pace,
    posts,
    quiet,
    replacing,
    reporters,
    schemas,
)
from services.notify.channel import ANSWER, Line, Smtp
from services.notify.config import Settings
from services.notify.domain import Reply, Unanswered, Unavailable
from services.notify.ledger import Limit
from services.notify.models import REASONS, Reporter
from services.notify.outgoing import Outgoing

SENDERS = 8  # conversations with the mail server at once
FETCHED = 32  # messages claimed at once for them
LONGEST = 45  # seconds until a text is sent whole, however slowly the server drips; then `ANSWER`
LAST = (
    12  # seconds for those that have begun when the process stops; longer than a server's silence
)
RENEWED = 4  # seconds
STUCK = timedelta(minutes=15)  # what MessagesStuck waits for, too
REST = max(pace.SLOWEST, *pace.AFTER_SILENCE)  # between two tries at most
# Who heard of a passed limit is told by another stream than that it has passed: so long that waits
# for this, whose mail goes first. If it never comes, what waited goes without it.
AFTER_PASSING = timedelta(seconds=10)
# Also when they are told to nobody: they end what was to be told.
NEWS_BESIDE = ("escalation.offer_taken_back.v1", "deadline.recomputed.v1")
MEETS = (  # the first that is heard of a reporter
    "report.contact_sealed.v1",
    "report.contact_replaced.v1",
    "case.opened.v1",
)


class Post(DependencyProvider):
    """What a process has one of: the keys, and the senders that work while events come in. Leases
    are renewed as long as there are senders, also while the process stops."""

    def setup(self) -> None:
        """Stops the start when a key is missing."""
        shared = self.container.config
        settings: Settings = shared["settings"]
        self.opener, self.keyring = settings.opener(), settings.keyring()
        self._senders, self._stopping = eventlet.GreenPool(SENDERS), shared["stopping"]
        self._outgoing = Outgoing(
            shared["db"],
            shared["clock"],
            settings,
            self.keyring,
            Bounded(settings.smtp()),
            shared["stopping"],
        )

    def start(self) -> None:
        self.container.spawn_managed_thread(self._renew, identifier="renew")

    def get_dependency(self, worker_ctx: Any) -> Post:
        return self

    def stop(self) -> None:
        """Gives back what has not begun, and lets the conversations that have end, so that their
        outcome is known; the container ends the renewing only after that. Whoever drips or
        examines a text longer than `LAST` leaves a try in doubt, as a crash does: the killing would
        come before the end."""
        self._outgoing.give_back()
        with eventlet.Timeout(LAST, False):
            self._senders.waitall()

    def turn(self) -> bool:
        """Fetches what is due once a sender is free, and has all that are free send it. Nothing
        more once the process stops: what waits here keeps `stop` from being asked."""
        while not self._senders.sem.acquire(timeout=0.5):
            if self._stopping.is_set():
                return False
        self._senders.sem.release()
        eventlet.sleep(0)  # those that end together are free together
        waiting = self._outgoing.fetch(FETCHED)
        for _ in range(min(waiting, self._senders.free())):
            self._senders.spawn_n(self._outgoing.send_fetched)
        return waiting >= FETCHED  # fewer: there will be more to claim at once

    def _renew(self) -> None:
        while True:
            eventlet.sleep(RENEWED)
            try:
                self._outgoing.renew()
            except Exception as error:  # whatever it is: this thread's death would be the process'
                log.warning("lease_not_renewed", **cause(error))


class Bounded:
    """A mail server that is given up after `LONGEST` until it has a text, and `ANSWER` after it."""

    def __init__(self, server: Smtp) -> None:
        self._server = server

    @contextmanager
    def kept(self) -> Iterator[BoundedLine]:
        """As the server's own."""
        with self._server.kept() as line:
            yield BoundedLine(line)

    def send(self, sender: str, recipient: str, message: bytes) -> None:
        """As the server's own."""
        with self.kept() as line:
            line.send(sender, recipient, message)


class BoundedLine:
    """The same for several messages; each has the whole time."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def send(self, sender: str, recipient: str, message: bytes) -> None:
        """As the line's own."""
        with eventlet.Timeout(LONGEST, Unavailable(Reply.NONE)):
            self._line.hand_over(sender, recipient, message)
        with eventlet.Timeout(ANSWER, Unanswered()):
            self._line.hear()


class Notify(Service):
    """Knows how reporters are reached, and tells them every step of their report."""

    name = "notify"
    between_batches = 0.2
    settings: Settings
    post = Post()

    def foresee(self, events: Sequence[Event], tx: Session) -> None:
        """The reporters, made if they are new."""
        reporters.meet(tx, (event.subject for event in events if event.type in MEETS))
        told = (e for e in events if domain.about(e.type, e.data) or e.type in NEWS_BESIDE)
        hold(tx, Reporter, (event.subject for event in told))

    @subscribe("report.contact_sealed.v1")
    def keep_contact(self, event: Event, tx: Session) -> None:
        """Stores a reporter's contact under our own keys, unless it was erased, and confirms the
        receipt."""
        data = schemas.ContactSealed.of(event)
        if not reporters.was_erased(tx, event.subject):
            payload = self.post.opener.open(data["sealed"], event.subject)
            reporters.keep(tx, self.post.keyring, event.subject, contacts.read(payload))
        self.write(event, tx, domain.About.RECEIVED, data)

    @subscribe("report.contact_replaced.v1")
    def replace_contact(self, event: Event, tx: Session) -> None:
        """Stores another contact, or none, in place of what was known, unless it was erased; tells
        the address before, and the new one, unless they are one."""
        data = schemas.ContactReplaced.of(event)
        if reporters.was_erased(tx, event.subject):
            return
        contact = contacts.read(self.post.opener.open(data["sealed"], event.subject))
        keyring = self.post.keyring
        former, comes = replacing.replace(tx, event.subject, contact, keyring, self.clock)
        if former:
            about = domain.About.NEWS_ENDS_HERE
            message = filing.file(tx, event, about, domain.facts(about, data), self.clock)
            replacing.follow_former(tx, message, former)
        if comes:
            self.write(event, tx, domain.About.NEWS_COMES_HERE, data)

    @subscribe("case.opened.v1")
    def expect_contact(self, event: Event, tx: Session) -> None:
        """Learns whether there is a contact to wait for."""
        data = schemas.CaseOpened.of(event)
        reporters.expect(tx, event.subject, reachable=data["reachable"])

    @subscribe(
        "case.verified.v1",
        "case.disposed.v1",
        "case.reassigned.v1",
        "case.returned.v1",
        "case.handed_up.v1",
        "case.data_requested.v1",
        "case.data_request_cancelled.v1",
        "case.resumed.v1",
        "case.followed_up.v1",
        "case.answered.v1",
        "case.objected.v1",
        "case.closed.v1",
        "case.reopened.v1",
        "case.archived.v1",
        "case.forwarded.v1",
        "case.recalled.v1",
        "case.word_relayed.v1",
        "case.reclassified.v1",
        "case.merged.v1",
        "case.protected.v1",
        "case.withdrawn.v1",
        "case.refused.v1",
        "deadline.approaching.v1",
        "deadline.passed.v1",
        "deadline.kept.v1",
        "deadline.recomputed.v1",
        "escalation.raised.v1",
        "escalation.offered.v1",
        "escalation.handed_over.v1",
        "escalation.answered.v1",
    )
    def tell(self, event: Event, tx: Session) -> None:
        """Writes the message about a step, if the table in `domain` says that it is told."""
        data = schemas.News.of(event)
        about = domain.about(event.type, data)
        if about in domain.OF_PASSING and ledger.was_taken_back(
            tx, _limit(event, data), domain.facts(about, data)["due"], data["at"]
        ):
            return
        reminds = about is domain.About.DEADLINE_APPROACHING
        if reminds and ledger.is_done(tx, event.subject, data["at"]):
            about = None
        if about is not None:
            self.write(event, tx, about, data)
        if about is domain.About.DEADLINE_PASSED:
            ledger.follow_passing(
                tx,
                _limit(event, data),
                domain.facts(about, data)["due"],
                self.clock,
                self.waiting(about, data),
            )
        if about is domain.About.DEADLINE_KEPT:
            ledger.overtake_kept(tx, _limit(event, data), self.clock)
        if about is domain.About.HANDED_OVER:
            ledger.overtake_offer(tx, event.subject, None, self.clock)
        if about is domain.About.HANDED_UP:
            ledger.overtake_agencies(tx, event.subject, self.clock)
        if about in domain.ENDS_REMINDERS:
            ledger.overtake_reminders(tx, event.subject, self.clock)
        if event.type == "deadline.recomputed.v1":
            ledger.overtake_reminder(tx, _limit(event, data), self.clock)
            ends, wait = domain.end(data), self.waiting(domain.About.POST_REMINDED, data)
            ahead = domain.lies_ahead(data)
            limit = _limit(event, data)
            ledger.move_posts_reminder(tx, limit, ends, self.clock, wait, ahead=ahead)
            if ahead:
                ledger.overtake_passing(tx, _limit(event, data), self.clock)
        if event.type in domain.TO_POSTS and data["to"] is not None:
            self.write_to_post(event, tx, domain.TO_POSTS[event.type], data)

    @subscribe("escalation.offer_taken_back.v1")
    def take_offer_back(self, event: Event, tx: Session) -> None:
        """The Ombudsman is not offered any more: what waits to do so is not told."""
        data = schemas.OfferTakenBack.of(event)
        ledger.overtake_offer(tx, event.subject, data["offered_at"], self.clock)

    def write_to_post(
        self, event: Event, tx: Session, about: domain.About, data: dict[str, Any]
    ) -> None:
        """Files the message to who was reached; one without an address alarms."""
        place = posts.place(data["to"], data["agency"])
        filing.write(
            tx,
            event,
            about,
            domain.facts(about, data),
            cycle=data["cycle"],
            mailable=bool(posts.rows(tx, [place])),
            clock=self.clock,
            wait=self.waiting(about, data),
            place=place,
        )

    def waiting(self, about: domain.About, data: Any) -> timedelta:
        """How long what is told now is kept back, because it is night."""
        local = self.clock.now().astimezone(ZoneInfo(self.settings.time_zone))
        return quiet.wait(about, data, local, self.settings.quiet())

    def write(self, event: Event, tx: Session, about: domain.About, data: Any) -> None:
        """Files the message; waits (TooEarly) while it is unknown whether anybody can be told. That
        somebody heard of a passed limit is kept back a while, if it comes before the passing."""
        facts, wait = domain.facts(about, data), self.waiting(about, data)
        if about is domain.About.ESCALATION_RAISED and not ledger.passing_is_told(
            tx, _limit(event, data), facts["due"]
        ):
            wait = max(wait, AFTER_PASSING)
        filing.write(
            tx,
            event,
            about,
            facts,
            cycle=data.get("cycle"),
            mailable=reporters.is_mailable(tx, event.subject),
            clock=self.clock,
            wait=wait,
        )

    @every(0.2)
    def send(self) -> bool:
        """Sends what is due."""
        return self.post.turn()

    @every(5)
    def watch(self) -> None:
        """Shows what is stuck on its way to a reporter, and which answers nobody heard."""
        with self.db.begin() as tx:
            row = tx.execute(_STUCK, self._now() | {"stuck": STUCK, "rest": REST}).one()
        metrics.OLDEST_UNSENT.set(float(row.age))
        metrics.UNSENT.set(row.unsent)
        metrics.STUCK.set(row.stuck)
        metrics.UNREADABLE.set(row.unreadable)
        metrics.DELIVERING.set(row.delivering)
        metrics.PUT_OFF.set(row.put_off - row.put_off % 10)
        metrics.PUT_OFF_SECONDS.set(float(row.put_off_for // 3600 * 3600))
        metrics.SILENT_ANSWERS.set(row.unheard)

    @every(60)
    def count_settled(self) -> None:
        """Shows how many of the last hours' messages were brought, as it is known by now."""
        with self.db.begin() as tx:
            found = {(row.whom, row.outcome): row for row in tx.execute(_SETTLED, self._now())}
            metrics.UNREACHED.set(tx.execute(_UNREACHED, self._now()).scalar_one())
        for to, outcome in product(("reporter", "post"), ("delivered", *REASONS)):
            row = found.get((to, outcome))
            metrics.SETTLED.labels(to, outcome, "1").set(row.within_one if row else 0)
            metrics.SETTLED.labels(to, outcome, "6").set(row.within_six if row else 0)

    def _now(self) -> dict[str, datetime]:
        return {"now": self.clock.real()}

    def counts(self, tx: Session) -> dict[str, int]:
        """Every case has a reporter here, and no contact that was promised is still to come."""
        return super().counts(tx) | {"contacts_expected": tx.scalars(_EXPECTED).one()}


def _limit(event: Event, data: dict[str, Any]) -> Limit:
    return Limit(event.subject, data["clock"], data["cycle"])


# What is due in more than a day was written while a clock was wrong: the night is shorter. What was
# put off is shown apart.
_STUCK = sa.text("""
SELECT u.age, u.unsent, u.stuck, u.unreadable, a.unheard, p.put_off, p.put_off_for,
       (u.since IS NULL OR NOT u.are_resting AND EXISTS (
           SELECT FROM message WHERE state = 'delivered' AND settled_at BETWEEN u.since AND :now
       ))::int AS delivering
FROM (SELECT greatest(0, extract(epoch FROM :now - min(not_before)),
                      extract(epoch FROM max(next_at) FILTER (WHERE w.is_wrong) - :now)) AS age,
             count(*) AS unsent, min(not_before) AS since,
             bool_or(next_at > :now + :rest) AS are_resting,
             count(DISTINCT coalesce(place, number))
                 FILTER (WHERE not_before < :now - :stuck OR w.is_wrong) AS stuck,
             count(DISTINCT coalesce(place, number)) FILTER (WHERE EXISTS (
                 SELECT FROM attempt WHERE message_id = id AND n = attempts
                 AND outcome = 'unreadable')) AS unreadable
      FROM message, LATERAL
           (SELECT next_at > :now + interval '25 hours' AND NOT put_off AS is_wrong) w
      WHERE next_at IS NOT NULL AND (not_before <= :now OR w.is_wrong)) u,
     (SELECT count(*) AS unheard FROM message
      WHERE about = 'answered' AND reason IN ('rejected', 'expired')) a,
     (SELECT count(*) AS put_off,
             coalesce(extract(epoch FROM max(next_at) - :now), 0) AS put_off_for
      FROM message WHERE put_off AND next_at IS NOT NULL AND not_before > :now) p
""")
_SETTLED = sa.text("""
SELECT CASE WHEN place IS NULL THEN 'reporter' ELSE 'post' END AS whom,
       coalesce(reason, 'delivered') AS outcome, count(*) AS within_six,
       count(*) FILTER (WHERE settled_at > :now - interval '1 hour') AS within_one
FROM message
WHERE state IN ('delivered', 'failed') AND NOT former AND settled_at > :now - interval '6 hours'
AND settled_at <= :now GROUP BY 1, 2
""")
_UNREACHED = sa.text("""
SELECT count(DISTINCT coalesce(place, number)) FROM message
WHERE state = 'failed' AND reason IN ('rejected', 'expired') AND NOT former
AND settled_at > :now - interval '6 hours' AND settled_at <= :now
""")
_EXPECTED = sa.text("SELECT count(*) FROM reporter WHERE state = 'expected'")
