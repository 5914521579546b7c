"""The worker: hears what happens to cases, fires what falls due, keeps the Ombudsman's feed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from nameko.extensions import DependencyProvider
from sqlalchemy.orm import Session

from chassis.config import Misconfigured
from chassis.errors import NotAllowed, Poison, TooEarly
from chassis.events import Event
from chassis.service import Service, every, subscribe
from chassis.together import hold
from services.escalation import grants, models, schemas
from services.escalation.config import Settings
from services.escalation.events import rfc3339
from services.escalation.ombudsman import feed, handovers, happened, offers, parts, pokes
from services.escalation.ombudsman.broadcasting import Broadcaster
from services.escalation.ombudsman.signing import Signers
from services.escalation.rules import agencies, publishing, regime
from services.escalation.rules.regime import Regime
from services.escalation.watch import (
    breaker,
    cases,
    clocks,
    clockwork,
    firing,
    receipts,
    restored,
    retelling,
    stale,
    turns,
    watching,
)
from services.escalation.watch.clockwork import Clock, Happening, Notice, happening
from services.escalation.watch.pace import Pace


class FeedKeys(DependencyProvider):
    """The keys that sign the feed; without one the worker does not start, nor with a first one that
    cannot be shown under its name."""

    def setup(self) -> None:
        settings: Settings = self.container.config["settings"]
        self._signers = settings.signers()
        try:
            self._signers.check_first(self.container.config["db"])
        except NotAllowed as refusal:
            raise Misconfigured(refusal.message) from None

    def get_dependency(self, worker_ctx: Any) -> Signers:
        return self._signers


class Streams(DependencyProvider):
    """The way to the streams of the broker."""

    def setup(self) -> None:
        settings: Settings = self.container.config["settings"]
        self._broadcaster = Broadcaster(settings.amqp_uri, own_host=settings.broker_accounts)

    def stop(self) -> None:
        self._broadcaster.close()

    def get_dependency(self, worker_ctx: Any) -> Broadcaster:
        return self._broadcaster


class OwnPace(DependencyProvider):
    """How this process's clock goes."""

    def setup(self) -> None:
        self._pace = Pace()

    def get_dependency(self, worker_ctx: Any) -> Pace:
        return self._pace


class Escalation(Service):
    """Watches every promise about time and raises what was not kept, up to the Ombudsman."""

    name = "escalation"
    settings: Settings
    signers: Signers = FeedKeys()
    broadcaster: Broadcaster = Streams()
    pace: Pace = OwnPace()

    def foresee(self, events: Sequence[Event], tx: Session) -> None:
        """The cases, and what their reporters consented to."""
        about = {event.subject for event in events}
        hold(tx, models.CaseState, about)
        hold(tx, models.Consent, about)

    @subscribe("case.opened.v1")
    def open_case(self, event: Event, tx: Session) -> None:
        """Begins to watch a case, once: routing may say it again if it was restored. Then it has
        lost all that is known here, and its clocks go on from there."""
        data = schemas.CaseOpened.of(event)
        if (known := clocks.locked(tx, event.subject)) is not None:
            if restored.is_anew(known, data["status"]):
                self.move(event, tx, known, Happening.OPENED, data, event.time)
            return
        promised = receipts.promised(data["kind"], data["received_at"], self.in_force(tx))
        case = cases.open(tx, event.subject, data, promised)
        happened.hear(tx, event, case.received_at)
        self.apply(tx, case, Happening.OPENED, case.received_at)

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
        "case.desks_changed.v1",
    )
    def follow_case(self, event: Event, tx: Session) -> None:
        """Moves the clocks of a case by what happened to it."""
        data, case = schemas.CaseMoved.of(event), self.known(tx, event)
        what = happening(event.type, data, unheard=clocks.stands(case, Clock.DATA), was=case.status)
        self.move(event, tx, case, what, data, data["at"])

    def move(
        self,
        event: Event,
        tx: Session,
        case: models.CaseState,
        what: Happening,
        data: dict[str, Any],
        at: datetime,
    ) -> None:
        """Brings what is known of a case up to date with `what`, which happened at `at`."""
        now, regime, was = self.clock.now(), self.in_force(tx), case.status
        goes_on, since = restored.has_lost_the_end(case, what, data), restored.since(case, at, now)
        changed = cases.follow(case, what, data)
        happened.hear(tx, event, at)
        if goes_on:
            restored.go_on(tx, case, what, since, now, regime)
        restored.go_back(case, what)
        odd = goes_on or restored.is_odd(what, was)
        clocks.apply(tx, case, what, since if odd else at, now, regime, was)
        restored.clear(tx, case, what, was, since, now, regime)
        if changed:
            clocks.measure_again(tx, case, "reclassified", self.clock.now(), self.in_force(tx))
        handovers.arrange(tx, case, at, self.clock.now())  # it may be open, or follow another
        if what is Happening.WITHDRAWN:
            parts.withdraw(tx, event.subject, case, at, self.clock.now())

    @subscribe("report.escalation_consented.v1")
    def keep_consent(self, event: Event, tx: Session) -> None:
        """Remembers the reporter's consent; hands the case over if it may be already. One that
        comes after the hand-over changes nothing: what went along is said with that."""
        data, case = schemas.Consented.of(event), clocks.locked(tx, event.subject)
        if not parts.takes(tx, event.subject, case, parts.CONSENT, data["at"]):
            return
        if data["sealed"]:
            parts.keep(tx, event.subject, case, parts.IDENTITY, data)
        handovers.keep_consent(tx, event.subject, data)
        if case:
            handovers.arrange(tx, case, data["at"], self.clock.now())

    @subscribe("report.consent_withdrawn.v1")
    def end_consent(self, event: Event, tx: Session) -> None:
        """The reporter wants no hand-over any more: nothing that was sealed until then is kept,
        whatever becomes of the case. Of one that was handed over, the facts and their proof stay,
        and the Ombudsman is told. It may answer no consent that is known."""
        at = schemas.ConsentWithdrawn.of(event)["at"]
        case = clocks.locked(tx, event.subject)  # it may just be handed over
        parts.end_consent(tx, event.subject, case, at, self.clock.now())

    @subscribe("report.words_sealed.v1")
    def keep_words(self, event: Event, tx: Session) -> None:
        """Keeps what was written for the dossier, as it is: only the Ombudsman can read it."""
        data = schemas.WordsSealed.of(event)
        parts.keep(tx, event.subject, clocks.locked(tx, event.subject), data["part"], data)

    @subscribe("grant.ended.v1")
    def end_grant(self, event: Event, tx: Session) -> None:
        """An officer's session is over: what they were shown to us by holds no more."""
        grants.end(tx, schemas.GrantEnded.of(event)["grant"], self.clock.now())

    @subscribe("trail.extended.v1")
    def witness_trail(self, event: Event, tx: Session) -> None:
        """Lets the Ombudsman keep the hash that proves what officers did."""
        data = schemas.TrailExtended.of(event)
        told = data | {"at": rfc3339(data["at"])}
        feed.write(tx, "monitoring", feed.TRAIL, "trail", told, self.clock.now())

    @subscribe("receipt.key_shown.v1")
    def witness_receipt_key(self, event: Event, tx: Session) -> None:
        """Lets the Ombudsman keep the key that receipts are checked with."""
        data = schemas.ReceiptKeyShown.of(event)
        told = {"kty": "EC", "crv": "P-256", **data, "at": rfc3339(data["at"])}
        feed.write(tx, "monitoring", feed.RECEIPT_KEY, data["kid"], told, self.clock.now())

    @subscribe("message.delivered.v1")
    def reporter_was_told(self, event: Event, tx: Session) -> None:
        """Starts the reporter's time to object once the answer has reached them."""
        data = schemas.Message.of(event)
        if data["about"] == "answered":
            self.answer_noticed(event, tx, data)
        elif data["about"] == "data_requested":
            self.question_told(event, tx, data, heard=True)

    @subscribe("message.failed.v1")
    def reporter_was_not_told(self, event: Event, tx: Session) -> None:
        """With nobody to tell, the timeline is the notice; after any other failure neither the time
        to object nor the one to supply what was asked runs."""
        data = schemas.Message.of(event)
        has_address = data["reason"] != "no_address"
        if data["about"] == "data_requested" and has_address:
            self.question_told(event, tx, data, heard=False)
        elif data["about"] == "answered" and has_address:
            self.answer_unheard(event, tx, data)
        elif data["about"] == "answered":
            self.answer_noticed(event, tx, data)

    def answer_unheard(self, event: Event, tx: Session, data: dict[str, Any]) -> None:
        """R does not start; one that runs stands: a relay had taken the mail, and returned it. News
        of an earlier round says nothing of a later one's answer."""
        if data["cycle"] is None:
            raise Poison("news of an answer names its round")
        case = self.known(tx, event)
        if data["cycle"] < max(case.cycle, case.unheard_cycle or 0):
            return
        case.unheard_cycle = data["cycle"]
        if (case.status, case.cycle) == ("answered", data["cycle"]):
            self.apply(tx, case, Happening.ANSWER_UNHEARD, data["at"])

    def question_told(
        self, event: Event, tx: Session, data: dict[str, Any], *, heard: bool
    ) -> None:
        """D stands while the reporter does not know of its question, unless the case has moved on:
        then only what that had stopped goes on. One that follows another need not answer."""
        case = self.known(tx, event)
        last = clocks.last_start(case, Clock.DATA)
        asked_at = data["news_at"] or last  # who is not up to date does not say which one
        if not case.follows and (
            asked_at is None
            or not happened.knows(tx, event.subject, "case.data_requested", asked_at)
        ):
            raise TooEarly("the question has not been heard of")
        if case.status != cases.AWAITS_REPORTER or case.follows or asked_at != last:
            if data["news_at"] and not heard:
                clocks.give_back(tx, case, data["news_at"], self.clock.now(), self.in_force(tx))
            return
        case.unheard_cycle = None if heard else case.cycle
        what = Happening.QUESTION_NOTICED if heard else Happening.QUESTION_UNHEARD
        self.apply(tx, case, what, data["at"])

    def answer_noticed(self, event: Event, tx: Session, data: dict[str, Any]) -> None:
        """R starts unless the case has moved on; waits for an answer that is still under way."""
        if data["cycle"] is None:
            raise Poison("a notice about an answer names its round")
        case = self.known(tx, event)
        meaning = clockwork.notice_of_answer(case.status, case.cycle, data["cycle"])
        if meaning is Notice.EARLY:
            raise TooEarly("the answer has not been heard of")
        if meaning is Notice.STARTS_SILENCE:
            case.unheard_cycle = None
            self.apply(tx, case, Happening.ANSWER_NOTICED, data["at"])

    def known(self, tx: Session, event: Event) -> models.CaseState:
        """The event's case, locked. Raises TooEarly while it is unknown."""
        case = clocks.locked(tx, event.subject)
        if case is None:
            raise TooEarly("the case has not been heard of")
        return case

    def apply(self, tx: Session, case: models.CaseState, what: Happening, at: datetime) -> None:
        """Moves the case's clocks by what happened to it at `at`."""
        clocks.apply(tx, case, what, at, self.clock.now(), self.in_force(tx))

    def in_force(self, tx: Session) -> Regime:
        """Calendar, limits and ladder in force."""
        return regime.current(tx, self.settings.zone)

    @every(1)
    def sweep(self) -> bool:
        """Fires what is due, unless the breaker refuses; and not before it has been heard what came
        while nobody listened, for that may have kept a limit."""
        if not self.caught_up.is_set():
            return False
        now = self.clock.now()  # once: what fires is what the breaker has looked at
        with self.db.begin() as tx:
            allowed = breaker.may_fire(tx, self.clock, self.pace, self.settings.breaker_floor, now)
        return allowed and self.fire_due(now)

    def fire_due(self, looked: datetime) -> bool:
        """Fires what is due, case by case, as far as the breaker has looked."""

        def fire(tx: Session, case: models.CaseState) -> None:
            seats = agencies.seats(self.settings.data_dir)
            firing.fire(tx, case, self.in_force(tx), seats, looked, self.clock.now())

        turn = turns.Turn(models.Work.FIRE, firing.OLDEST, firing.asked(looked), fire)
        return turns.take(self.db, self.clock, turn)

    @every(60)
    def expire_offers(self) -> bool:
        """Takes back what is offered in cases that cannot be taken up again any more; not before
        the objections are heard that came while nobody listened, nor while the breaker refuses."""
        if not self.caught_up.is_set():
            return False
        with self.db.begin() as tx:
            return not breaker.refuses(tx) and offers.expire(tx, self.clock.now())

    @every(2)
    def tell_again(self) -> bool:
        """After a restore: says how clocks stand, once."""
        with self.db.begin() as tx:
            return retelling.turn(tx, self.in_force(tx), self.clock.now())

    @every(2)
    def measure_stale(self) -> bool:
        """Measures clocks again after a change of calendar, limits or ladder."""
        with self.db.begin() as tx:
            version = self.in_force(tx).version

        def measure(tx: Session, case: models.CaseState) -> None:
            clocks.measure_again(tx, case, "calendar", self.clock.now(), self.in_force(tx))

        return stale.take(self.db, self.clock, version, measure)

    @every(0.5)
    def append_to_feed(self) -> bool:
        """Gives committed entries their place on the feed."""
        with self.db.begin() as tx:
            due = feed.due(tx, self.signers, self.clock.now())
        appended = 0
        for stream in due:
            with self.db.begin() as tx:
                appended += feed.append(tx, stream, self.signers, self.clock.now())
        return appended > 0

    @every(0.5)
    def broadcast_feed(self) -> bool:
        """Sends what has its place to the broker's streams too."""
        return sum(self.broadcaster.turn(self.db, stream) for stream in models.STREAMS) > 0

    @every(1)
    def poke(self) -> bool:
        """Tells the Ombudsman's receiver that a stream has moved."""
        return pokes.turn(self.db, self.clock, self.signers, inside=self.settings.poke_inside)

    @every(10)
    def publish_promises(self) -> None:
        """Tells intake what may be promised: at the start, each new day, after each change."""
        with self.db.begin() as tx:
            if not breaker.awaits_decrees(tx):
                publishing.publish(tx, self.in_force(tx), self.clock.now())

    @every(60)
    def forget_grants(self) -> None:
        """Drops ended sessions whose last token has ended too."""
        with self.db.begin() as tx:
            grants.forget(tx, self.clock.now())

    @every(15)
    def watch(self) -> None:
        """Shows what is late, broken, undecidable or unheard."""
        with self.db.begin() as tx:
            watching.show_what_is_late(tx, self.clock.now())

    @every(60)
    def count_clocks(self) -> None:
        """Shows how many promises run."""
        with self.db.begin() as tx:
            watching.show_clocks(tx)

    @every(60)
    def count_unwatched(self) -> None:
        """Shows whether an open case lacks a clock that should watch it."""
        with self.db.begin() as tx:
            watching.show_unwatched(tx, self.clock.now())

    @every(60)
    def count_handovers(self) -> None:
        """Shows what has become of the cases that were handed over."""
        with self.db.begin() as tx:
            watching.show_handovers(tx, self.clock.now())
