"""Cases over HTTP, to act on: one resource a verb.

Each holds the row, asks the domain, and has the change filed and told (`case_file.change`).
"""

from __future__ import annotations

from typing import Any

from chassis.errors import Invalid, NotFound
from services.routing import (
    accusing,
    case_file,
    domain,
    events,
    evidence,
    models,
    others,
    outside,
    protecting,
    reassigning,
    rights,
    schemas,
    showing,
)
from services.routing.case_file import Say, Step, Words
from services.routing.cases import seen
from services.routing.life import Action, ArchiveReason, Case, Kind, Rules, Status
from services.routing.models import About
from services.routing.officers import Resource
from services.routing.turns import Turn, verb


class Verification(Resource):
    @verb("Verify and classify", schemas.Verification)
    def on_post(self, turn: Turn, body: dict[str, Any]) -> None:
        """The report is real. May be done again while no agency has it, to add whom it complains
        about: another class or category takes a reclassification, which the reporter is told (422,
        rule `verified`). One can complain about an agency that gets no new cases, too: it has its
        old ones. A complaint needs its `class`, and only a complaint has one (422, rules
        `required`, `complaint`); every case needs its `category`, if it came without (`required`).
        Refused too: a code that is none (`known`), and whom no desk would be left to decide about
        (`decider`)."""
        turn.known(models.Category, body["category"], "category")
        turn.known(models.Agency, body["complains_about"], "complains_about")
        rules = turn.rules
        after = domain.verify(turn.case, turn.actor, turn.at, rules, **body)
        turn.make(Action.VERIFY, after, lambda c, _: events.verified(c, turn.at, rules.seats))


class Disposition(Resource):
    @verb("Dispose to an agency", schemas.Disposition)
    def on_post(self, turn: Turn, body: dict[str, Any]) -> None:
        """From now on the agency has to answer. The rule that suggested one is kept with the
        decision, followed or not. A case is verified first (409, rule `not_verified`). Refused
        (422): a code that is none (`known`), an agency that gets no new cases (`active`), that the
        case complains about (`party`), or that supports itself (`lead`)."""
        turn.take_cases(body)
        after = domain.dispose(
            turn.case, turn.actor, turn.at, agency=body["agency"], supporting=body["supporting"]
        )
        rule = case_file.suggestion(turn.tx, turn.row, turn.on)
        noted = {"suggested": rule and rule.agency, "rule": rule and rule.id}
        turn.make(
            Action.DISPOSE,
            after,
            lambda c, _: events.disposed(c, turn.at),
            why=body["note"],
            noted=noted,
        )


class Reassignment(Resource):
    @verb("Hand on: its agency gets no new cases", schemas.Reassignment)
    def on_post(self, turn: Turn, body: dict[str, Any]) -> None:
        """While an agency is not active, the desk that decides may hand what it has to another, at
        any point of the handling, which goes on there. No clock restarts, it counts as no return,
        and the reporter is told. Of a case that is over, once it is taken up again. One that is
        active returns its cases itself (409, rule `agency_active`). The other agencies: as for a
        disposition (422, rules `known`, `active`, `party`, `lead`)."""
        left = turn.case.agency
        after = reassigning.reassign(
            turn.case,
            turn.actor,
            agency=body["agency"],
            supporting=body["supporting"],
            is_active=case_file.is_active(turn.tx, left),
        )
        turn.take_cases(body)
        turn.make(
            Action.REASSIGN,
            after,
            lambda c, _: events.reassigned(c, turn.at, left),
            why=body["note"],
        )


class Archive(Resource):
    @verb("Archive", schemas.Archive)
    def on_post(self, turn: Turn, body: dict[str, Any]) -> None:
        """The reporter is told why, and may object. As `incomplete` only after they were asked, and
        after they were asked anew if they have objected since (422, rule `asked_first`); and not
        while others' reports follow theirs (`followed`)."""
        after = domain.archive(turn.case, turn.actor, turn.at, turn.rules, reason=body["reason"])
        _ends_none_unasked(turn, body["reason"])
        words = Words(About.ARCHIVE, body["text"])
        turn.make(Action.ARCHIVE, after, lambda c, r: events.archived(c, turn.at, r), words=words)


class Forwarding(Resource):
    @verb("Forward to an authority outside the regency government", schemas.Forwarding)
    def on_post(self, turn: Turn, body: dict[str, Any]) -> None:
        """The reporter is told where it went and why, and may object as to an archiving."""
        after = outside.forward(turn.case, turn.actor, turn.at, turn.rules)
        words = Words(About.FORWARDING, f"{body['to']}\n\n{body['text']}")
        turn.make(
            Action.FORWARD,
            after,
            lambda c, r: events.forwarded(c, turn.at, r),
            why=body["to"],
            words=words,
        )


class Recall(Resource):
    @verb("Recall what was forwarded", schemas.Recall)
    def on_post(self, turn: Turn, body: dict[str, Any]) -> None:
        """It went to the wrong authority, or that one sent it back: it is the desk's again, and the
        reporter is told why. By whoever decides about the case, at any time. Its clocks go on as if
        it had not been outside."""
        rules, reason = turn.rules, body["reason"]
        turn.make(
            Action.RECALL,
            outside.recall(turn.case, turn.actor),
            lambda c, r: events.recalled(c, turn.at, r, rules.seats),
            why=reason,
            words=Words(About.RECALL, reason),
        )


class OutsideWords(Resource):
    @verb("Relay what the authority outside said", schemas.OutsideWord)
    def on_post(self, turn: Turn, body: dict[str, Any]) -> None:
        """The reporter is told, and reads it. By whoever decides about the case, while it is
        outside; as often as that authority says something. It moves no clock. Refused (422): a day
        after today (rule `not_future`), by the local day of the regency."""
        said_on = body["said_on"]
        turn.make(
            Action.RELAY,
            outside.relay(turn.case, turn.actor, said_on=said_on, today=turn.on),
            lambda c, r: events.word_relayed(c, turn.at, r, said_on),
            words=Words(About.OUTSIDE_WORD, body["text"]),
            noted={"said_on": said_on.isoformat()},
        )


class DataRequest(Resource):
    @verb("Ask the reporter for data", schemas.DataRequest)
    def on_post(self, turn: Turn, body: dict[str, Any]) -> None:
        """The clock of whoever asks is paused until the reporter supplies it."""
        after = domain.request_data(turn.case, turn.actor, turn.at)
        words = Words(About.DATA_REQUEST, body["question"])
        turn.make(
            Action.REQUEST_DATA,
            after,
            lambda c, r: events.data_requested(c, turn.at, r),
            words=words,
        )


class DataRequestCancellation(Resource):
    @verb("Cancel the data request", schemas.Cancellation)
    def on_post(self, turn: Turn, body: dict[str, Any]) -> None:
        """Whoever asked needs no answer any more. The clock goes on as if it had not been paused,
        unless the reporter could not be told of the question: then it was paused until now."""
        after = domain.cancel_request(turn.case, turn.actor)
        turn.make(
            Action.CANCEL_REQUEST,
            after,
            lambda c, r: events.request_cancelled(c, turn.at, r),
            why=body["reason"],
            words=Words(About.CANCELLATION, body["reason"]),
        )


class Return(Resource):
    @verb("Return: not this agency's", schemas.Return)
    def on_post(self, turn: Turn, body: dict[str, Any]) -> None:
        """No clock restarts; the second return goes to the arbiter. Refused (422): to propose a
        code that is none (rule `known`), an agency that gets no new cases (`active`), or itself
        (`other`)."""
        proposed, agency, rules = body["proposed_agency"], turn.case.agency or "", turn.rules
        turn.takes_cases(proposed, "proposed_agency")
        after = domain.return_case(turn.case, turn.actor, rules, proposed=proposed)
        turn.make(
            Action.RETURN,
            after,
            lambda c, _: events.returned(c, turn.at, rules.seats, agency=agency, proposed=proposed),
            why=body["reason"],
            noted={"proposed_agency": proposed},
        )


class FollowUps(Resource):
    @verb("Follow up", schemas.FollowUp)
    def on_post(self, turn: Turn, body: dict[str, Any]) -> None:
        """Something of substance; thanks and promises to pass it on are refused (422, rule
        `substance`), and so is a file that is empty (`content`) or named twice (`unique`)."""
        first = turn.case.status is Status.DISPOSED
        after = domain.follow_up(turn.case, turn.actor, turn.rules, text=body["text"])
        words = Words(About.FOLLOW_UP, body["text"], evidence.named(body["evidence"]))
        turn.make(
            Action.FOLLOW_UP,
            after,
            lambda c, r: events.followed_up(c, turn.at, r, words.evidence, first=first),
            words=words,
        )


class Answer(Resource):
    @verb("Give the final answer", schemas.Answer)
    def on_post(self, turn: Turn, body: dict[str, Any]) -> None:
        """With its outcome and the reason for it; the reporter may object. Text and files: as for a
        follow-up (422, rules `substance`, `content`, `unique`)."""
        after = domain.answer(
            turn.case, turn.actor, turn.rules, outcome=body["outcome"], text=body["text"]
        )
        shown = evidence.named(body["evidence"])
        words = Words(About.ANSWER, f"{body['text']}\n\n{body['reason']}", shown)
        turn.make(
            Action.ANSWER,
            after,
            lambda c, r: events.answered(c, turn.at, r, shown),
            why=body["reason"],
            words=words,
        )
        rows = [turn.row, *case_file.followers(turn.tx, after.number)]
        others.let_rest(turn.tx, rows, turn.at, turn.rules)


class Reclassification(Resource):
    @verb("Correct kind, class or category", schemas.Reclassification)
    def on_post(self, turn: Turn, body: dict[str, Any]) -> None:
        """The limits are computed anew, and the reporter is told. What becomes a complaint is taken
        to be about the desk whose seat it names. Refused (422): what changes nothing (rule
        `change`), a category that is none (`known`), a complaint without a class (`required`) or
        another kind with one (`complaint`), to make no complaint of what one without a class
        follows (`class`), or one about a unit that has a part in it (`party`)."""
        reason = body["reason"]
        turn.known(models.Category, body["category"], "category")
        _keeps_classes(turn, body["kind"])
        corrected = {name: body[name] for name in ("kind", "class_", "category")}
        rules, named = turn.rules, turn.row.named_agency
        after = domain.reclassify(turn.case, turn.actor, named, rules, **corrected)
        words = Words(About.RECLASSIFICATION, reason)
        turn.make(
            Action.RECLASSIFY,
            after,
            lambda c, _: events.reclassified(c, turn.at, rules.seats),
            why=reason,
            words=words,
        )


def _ends_none_unasked(turn: Turn, reason: ArchiveReason) -> None:
    """Raises Invalid for what is to be archived as incomplete while others follow it: they were
    told that they need not answer."""
    if reason is ArchiveReason.INCOMPLETE and case_file.followers(turn.tx, turn.case.number):
        raise Invalid("others follow it, who were not asked", "reason", "followed")


def _keeps_classes(turn: Turn, kind: Kind | None) -> None:
    """Raises Invalid if what is to become no complaint is followed by one that has no class yet: it
    would never be given one, and so no time to be settled in."""
    if kind not in (None, Kind.COMPLAINT, turn.case.kind):
        for row in case_file.followers(turn.tx, turn.case.number):
            if row.kind is Kind.COMPLAINT and row.class_ is None:
                raise Invalid("a complaint without a class follows it", "kind", "class")


class Protection(Resource):
    @verb("Raise the reporter's confidentiality", schemas.Protection, showing.Protected, refused="")
    def on_post(self, turn: Turn, body: dict[str, Any]) -> dict[str, Any]:
        """Never lowers it, and makes nobody anonymous. Also of a case that is over, or that follows
        another: it is each reporter's own. From now on the agency learns no more than the day of
        what the reporter did. The reporter is told, and why. Refused (422): to lower it (rule
        `raise`), to make anybody anonymous or undo that (`anonymous`), and what changes nothing
        (`change`)."""
        reason = body["reason"]
        raised = {name: body[name] for name in ("confidentiality", "hidden_from_public")}
        after = protecting.protect(turn.case, turn.actor, **raised)
        turn.make(
            Action.PROTECT,
            after,
            lambda c, r: events.protected(c, turn.at, r),
            why=reason,
            words=Words(About.PROTECTION, reason),
        )
        following = case_file.followers(turn.tx, after.number)
        return {name: getattr(after, name) for name in raised} | {
            "unchanged": [row.number for row in following]
        }


class Accused(Resource):
    @verb("Name who it complains about", schemas.Accused)
    def on_post(self, turn: Turn, body: dict[str, Any]) -> None:
        """The case complains about these units, too: they know of it no more, and it is never
        undone. By the desk that decides and those above it. Where one has the case, that is the
        desk's again (`unverified`), and the reporter is told so, but not why: F and S go on, and it
        counts as no return. One that supports has no part any more. Refused (422): a code that is
        none (rule `known`), what it complains about already (`change`), and where no desk would be
        left to decide (`decider`)."""
        for code in body["complains_about"]:
            turn.known(models.Agency, code, "complains_about")
        before, rules = turn.case, turn.rules
        after = accusing.name_accused(before, turn.actor, rules, units=body["complains_about"])
        changed = _desks_changed(turn, rules, before, after)
        taken = accusing.is_handed_up(before, after)
        say = (lambda c, _: events.handed_up(c, turn.at, rules.seats)) if taken else changed
        turn.make(Action.NAME_ACCUSED, after, say, why=body["reason"])


class Merge(Resource):
    @verb("Merge into another case", schemas.Merge)
    def on_post(self, turn: Turn, body: dict[str, Any]) -> None:
        """This case follows the other from now on; its reporter keeps every right. What waits for a
        desk, only who decides about it merges. Refused (422): a number that this officer knows no
        case by (rule `known`), the case itself or one that follows another (`root`), one that is
        over (`open`), a later one, or one with which this could be decided or settled later than
        without, or than its receipt promises (`order`), a complaint without a class into what is
        none (`class`), one about a unit that has a part in the other (`party`), and where no desk
        would be left to decide (`decider`)."""
        rights.permit(turn.actor, turn.case, Action.MERGE)
        into = body["into"].upper()
        try:
            other = seen(turn.tx, turn.who, into, lock=True)
        except NotFound:
            raise Invalid("there is no such case", "into", "known") from None
        rules, before = turn.rules, case_file.value(other)
        runs = case_file.settling(turn.row), case_file.settling(other)
        promise = case_file.promise(turn.row, other, turn.zone)
        child, parent = domain.merge(turn.case, turn.actor, before, rules, *runs, promise)
        joining = [turn.row, *case_file.followers(turn.tx, child.number)]
        step = Step(Action.MERGE, turn.actor, turn.at, turn.who.id, noted={"from": child.number})
        case_file.change(turn.tx, other, parent, step, _desks_changed(turn, rules, before, parent))
        turn.make(
            Action.MERGE,
            child,
            lambda c, _: events.merged(c, turn.at, rules.seats),
            why=body["reason"],
        )
        case_file.tell_too(turn.tx, joining, parent, step)
        others.let_rest(turn.tx, joining, turn.at, rules)


def _desks_changed(turn: Turn, rules: Rules, before: Case, parent: Case) -> Say | None:
    """Says that others decide about the parent, or must hear nothing of it, if that is so now."""
    then, now = ((case.decider, rights.passed_by(case, rules.seats)) for case in (before, parent))
    return None if then == now else lambda c, _: events.desks_changed(c, turn.at, rules.seats)


VERBS: dict[str, type[Resource]] = {
    "verification": Verification,
    "disposition": Disposition,
    "reassignment": Reassignment,
    "archive": Archive,
    "forwarding": Forwarding,
    "recall": Recall,
    "outside-words": OutsideWords,
    "data-request": DataRequest,
    "data-request/cancellation": DataRequestCancellation,
    "return": Return,
    "follow-ups": FollowUps,
    "answer": Answer,
    "reclassification": Reclassification,
    "confidentiality": Protection,
    "complains-about": Accused,
    "merge": Merge,
}
