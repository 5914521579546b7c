"""What each verb does to a case, or why it may not.

A verb takes the case as it is and returns it as it is afterwards, or refuses; the tables in
`life.py` decide what may happen and by whom. Time is an argument, and every number that a decree
may change comes in with `Rules`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID

from chassis.errors import Invalid, NotAllowed
from services.routing import merging
from services.routing.life import (
    CLOCK,
    OPEN,
    REPORTER,
    RETURNS_TO_ARBITER,
    Action,
    Actor,
    ArchiveReason,
    Case,
    Class,
    Clock,
    Closing,
    Kind,
    Outcome,
    Promise,
    RoutingRule,
    Rules,
    Settling,
    Status,
)
from services.routing.rights import decider, held, permit, sees

CLOCKS_DIFFER = timedelta(minutes=1)  # those of two services, at most


class TooLate(NotAllowed):
    """It would have been allowed, but the time for it is over."""


class OthersFollow(NotAllowed):
    """It would have been allowed, but others' reports follow the case."""


def opened(case: Case, named: str | None, rules: Rules) -> Case:
    """A new case. A complaint that names the seat of a desk is taken to be about that desk, and
    starts one level up, before anybody there could read it."""
    if case.kind is not Kind.COMPLAINT or named is None or named not in rules.seats:
        return case
    return complaining(case, (named,), rules)


def complaining(case: Case, about: Iterable[str], rules: Rules) -> Case:
    """The case when it complains about these agencies, too, and so with who decides then. Whom it
    complains about is only ever added to: who lost sight of it never regains it."""
    case = replace(case, complains_about=_union(case.complains_about, tuple(about)))
    return replace(case, decider=decider(case, rules))


# --- what the desk does


def verify(
    case: Case,
    actor: Actor,
    at: datetime,
    rules: Rules,
    *,
    class_: Class | None = None,
    category: str | None = None,
    complains_about: str | None = None,
) -> Case:
    """The report is real and has its class and category; nothing is public before this. Another
    verification only adds whom it complains about: limits were promised by the first."""
    status = permit(actor, case, Action.VERIFY)
    after = _classified(replace(case, class_=class_, category=category or case.category))
    for name in ("class_", "category") if case.verified_at is not None else ():
        if getattr(case, name) not in (None, getattr(after, name)):
            message = "it was verified: correct that by a reclassification, and say why"
            raise Invalid(message, name.rstrip("_"), "verified")
    named = (complains_about,) if complains_about is not None else ()
    after = replace(after, status=status, verified_at=case.verified_at or at)
    return complaining(after, named, rules)


def dispose(
    case: Case, actor: Actor, at: datetime, *, agency: str, supporting: Collection[str] = ()
) -> Case:
    """Hands the case to one lead agency, which others may support. After a return it counts as
    disposed since the first one got it: from there its first follow-up is due."""
    status = permit(actor, case, Action.DISPOSE)
    if case.verified_at is None:
        raise NotAllowed("cannot dispose a case before it is verified", "number", "not_verified")
    since = case.disposed_at or at
    return replace(held(case, agency, supporting), status=status, disposed_at=since)


def archive(case: Case, actor: Actor, at: datetime, rules: Rules, *, reason: ArchiveReason) -> Case:
    """Ends the case unhandled, for a typed reason; the reporter may object."""
    status = permit(actor, case, Action.ARCHIVE)
    if reason is ArchiveReason.INCOMPLETE and not case.questions:
        raise Invalid("incomplete only after the reporter was asked", "reason", "asked_first")
    return over(replace(case, status=status, archive_reason=reason), at, rules)


def reclassify(
    case: Case,
    actor: Actor,
    named: str | None,
    rules: Rules,
    *,
    kind: Kind | None = None,
    class_: Class | None = None,
    category: str | None = None,
) -> Case:
    """Corrects kind, class or category; what is not given stays. What becomes a complaint is about
    the desk whose seat it names, as one that opens is; no such unit may have a part in it."""
    status = permit(actor, case, Action.RECLASSIFY)
    kind = kind or case.kind
    if kind is Kind.COMPLAINT:
        class_ = class_ or case.class_
    changed = replace(case, kind=kind, class_=class_, category=category or case.category)
    if changed == case:
        raise Invalid("nothing would change", "kind", "change")
    if case.verified_at is not None or class_ is not None:
        changed = _classified(changed)
    if kind is not case.kind:
        changed = opened(changed, named, rules)
        if not set(changed.complains_about).isdisjoint({case.agency, *case.supporting}):
            raise Invalid("the unit that it would complain about has a part in it", "kind", "party")
    return replace(changed, status=status)


def merge(
    case: Case,
    actor: Actor,
    into: Case,
    rules: Rules,
    settle: Settling | None = None,
    settle_there: Settling | None = None,
    promise: Promise | None = None,
) -> tuple[Case, Case]:
    """Both, when the case follows `into`; no unit that it complains about may have a part there.
    `settle` and `settle_there`: the times to settle the one and the other, if they have begun;
    `promise`: what the receipt says, if it says anything. What came back to the one has come back
    to the other: the arbiter does not lose it by a merge."""
    permit(actor, case, Action.MERGE)
    if not sees(actor, into):
        raise Invalid("there is no such case", "into", "known")
    if into.number == case.number or into.merged_into is not None:
        raise Invalid("a case can only follow another one that follows none", "into", "root")
    if into.status not in OPEN:
        raise Invalid("what is over handles no other case: archive as duplicate", "into", "open")
    if into.received_at > case.received_at:
        raise Invalid("the later report follows the earlier one: no limit moves", "into", "order")
    merging.check_time(case, into, settle, settle_there, promise)
    if case.kind is Kind.COMPLAINT is not into.kind and case.class_ is None:
        raise Invalid("a complaint follows what is none once it has a class", "into", "class")
    if not set(case.complains_about).isdisjoint({into.agency, *into.supporting}):
        raise Invalid("it complains about a unit that has a part in the other", "into", "party")
    returned = replace(into, returns=max(into.returns, case.returns))
    parent = complaining(returned, case.complains_about, rules)
    rounds = int(case.outcome is not None)  # its reporter had time to object to that: a new round
    return replace(follow(case, parent, rounds), merged_into=parent.number), parent


def follow(case: Case, parent: Case, rounds: int = 0) -> Case:
    """A merged case as it is while its parent is as given, and has begun so many rounds more: one
    handling, two reporters, each with rounds and a word of their own: who was content stays so.
    Whom the parent complains about learns nothing of it from the follower either."""
    is_content = case.closed_how is Closing.ACCEPTED
    return replace(
        parent,
        number=case.number,
        kind=case.kind,
        class_=(parent.class_ or case.class_) if case.kind is Kind.COMPLAINT else None,
        confidentiality=case.confidentiality,
        hidden_from_public=case.hidden_from_public,
        reachable=case.reachable,
        received_at=case.received_at,
        cycle=case.cycle + rounds,
        complains_about=_union(case.complains_about, parent.complains_about),
        merged_into=case.merged_into,
        closed_how=Closing.ACCEPTED if is_content else None,
        stars=case.stars if is_content or not rounds else None,
    )


# --- what the agency does


def request_data(case: Case, actor: Actor, at: datetime) -> Case:
    """Asks the reporter for what is missing; the case comes back to where it was asked."""
    status = permit(actor, case, Action.REQUEST_DATA)
    asked = {"awaited_from": case.status, "asked_at": at, "questions": case.questions + 1}
    return replace(case, status=status, **asked)  # type: ignore[arg-type]


def cancel_request(case: Case, actor: Actor) -> Case:
    """Who asked needs no answer any more. It is as if the question had not been asked: nobody can
    archive as incomplete what it left out."""
    status = permit(actor, case, Action.CANCEL_REQUEST)
    return replace(case, status=status, awaited_from=None, questions=case.questions - 1)


def return_case(case: Case, actor: Actor, rules: Rules, *, proposed: str | None = None) -> Case:
    """The agency says that it is not its own, and whose it is. The second return is the arbiter's
    to decide: no ping-pong."""
    status = permit(actor, case, Action.RETURN)
    if proposed == case.agency:
        raise Invalid("an agency cannot propose itself", "proposed_agency", "other")
    case = replace(case, status=status, agency=None, supporting=(), returns=case.returns + 1)
    return replace(case, decider=decider(case, rules))


def follow_up(case: Case, actor: Actor, rules: Rules, *, text: str) -> Case:
    """The agency did or says something of substance."""
    status = permit(actor, case, Action.FOLLOW_UP)
    check_substance(text, rules)
    return replace(case, status=status)


def answer(case: Case, actor: Actor, rules: Rules, *, outcome: Outcome, text: str) -> Case:
    """The agency's final answer. It is the reporter's turn then."""
    status = permit(actor, case, Action.ANSWER)
    check_substance(text, rules)
    return replace(case, status=status, outcome=outcome)


def check_substance(text: str, rules: Rules) -> None:
    """Raises Invalid for a text that only thanks, greets, or promises to pass the matter on."""
    words = " ".join(re.findall(r"\w+", text.casefold()))
    courtesies = "|".join(map(re.escape, sorted(rules.phrases, key=len, reverse=True)))
    rest = re.sub(rf"\b(?:{courtesies})\b", " ", words) if courtesies else words
    if len("".join(rest.split())) < rules.letters:
        message = "an acknowledgement is not a follow-up: say what was done, or what is done when"
        raise Invalid(message, "text", "substance")


# --- what the reporter and the clocks do


def is_answered(asked: Sequence[UUID], shown: UUID | None, *, sure: bool) -> bool | None:
    """Whether who was `shown` that question, or none, can have answered the last of those that they
    were `asked`. None if that does not tell: it was asked in a time that a restore has taken from
    here, or who showed it may have forgotten what else they had shown (and is not `sure`)."""
    if shown is not None and shown in asked[-1:]:
        return True
    tells = sure and len(asked) > 0 and (shown is None or shown in asked)
    return False if tells else None


def remembers(restored_at: datetime, asked_at: datetime) -> bool:
    """Whether who was restored to an earlier state in that minute cannot have forgotten a question,
    for it was asked later."""
    return asked_at > restored_at + timedelta(minutes=1) + CLOCKS_DIFFER


def supplement(case: Case, at: datetime, *, answers: bool | None) -> Case:
    """The reporter adds something; a case that waited for it goes back to where it was, if it
    `answers` the question. Where nobody can tell (None), what was written before the question does
    not, whenever it is heard of, and all else does: rather ask again than archive for its silence
    the case of somebody who spoke."""
    status = permit(REPORTER, case, Action.SUPPLEMENT)
    if answers is None:
        answers = case.asked_at is None or at >= case.asked_at - CLOCKS_DIFFER
    return replace(case, status=status, awaited_from=None) if answers else case


def disagree(case: Case, at: datetime, rules: Rules) -> tuple[Action, Case]:
    """The reporter does not accept how it ended, whichever word was used: what is over is
    reopened, what is answered, archived or forwarded is objected to. Returns which of the two. What
    they were asked before that is no reason any more to archive."""
    action = Action.REOPEN if case.status is Status.CLOSED else Action.OBJECT
    status = permit(REPORTER, case, action)
    if case.ended_at is not None and at > (case.reopen_until or rules.reopens(case.ended_at)):
        raise TooLate("the time to ask for that is over")
    if status is Status.UNVERIFIED:
        held = case.agency is not None
        disposed_at = None if held else case.disposed_at  # what was returned is as it was then
        case = replace(case, agency=None, supporting=(), disposed_at=disposed_at)
    objections = case.objections + (action is Action.OBJECT)
    case = replace(case, status=status, cycle=case.cycle + 1, objections=objections)
    case = replace(case, ended_at=None, reopen_until=None, closed_how=None, archive_reason=None)
    return action, replace(case, outcome=None, stars=None, awaited_from=None, questions=0)


def withdraw(case: Case, at: datetime, *, followers: int) -> Case:
    """The reporter takes it back. A case that others' reports follow goes on for them."""
    status = permit(REPORTER, case, Action.WITHDRAW)
    if followers:
        raise OthersFollow("other reporters' cases follow this one")
    return replace(case, status=status, ended_at=at, merged_into=None)


def auto_close(case: Case, at: datetime, rules: Rules, *, cycle: int) -> Case:
    """The reporter's time to object to that round's answer is over. A merged case is closed for its
    own reporter only."""
    status = permit(CLOCK, case, Action.AUTO_CLOSE)
    if cycle != case.cycle:
        raise NotAllowed("that limit belongs to an earlier round")
    auto_closed = replace(case, status=status, closed_how=Closing.AUTO_CLOSED, merged_into=None)
    return over(auto_closed, at, rules)


def give_up(
    case: Case,
    at: datetime,
    rules: Rules,
    *,
    due_at: datetime,
    asked_at: datetime | None = None,
    followers: int = 0,
) -> Case:
    """The reporter's time to supply what was asked at `asked_at` is over. If that is not known: a
    limit has a day at least, so what ends sooner is that of a question before this one. A case that
    others' reports follow comes back to where it was asked: they owed no answer."""
    status = permit(CLOCK, case, Action.GIVE_UP)
    if asked_at is None:
        earlier = case.asked_at is not None and due_at < case.asked_at + timedelta(days=1)
    else:
        earlier = asked_at != case.asked_at
    if earlier:
        raise NotAllowed("that limit belongs to an earlier question")
    if followers:
        return replace(case, status=case.awaited_from or Status.UNVERIFIED, awaited_from=None)
    incomplete = ArchiveReason.INCOMPLETE
    archived = replace(case, status=status, archive_reason=incomplete, awaited_from=None)
    return over(archived, at, rules)


def over(case: Case, at: datetime, rules: Rules) -> Case:
    """A case that ends, and until when its reporter may have it taken up again: by what holds now,
    for that is what they are told."""
    return replace(case, ended_at=at, reopen_until=rules.reopens(at))


# --- what is shown


def clock(case: Case) -> Clock | None:
    """The limit that whoever holds the case must keep next. That of a return runs on after an
    objection to archiving, unless an agency had the case meanwhile: disposing it stopped that. So
    does that of what was taken from the accused unit."""
    if case.status is Status.UNVERIFIED and case.disposed_at is not None:
        return Clock.ARBITER if case.returns >= RETURNS_TO_ARBITER else Clock.FOLLOW_UP
    return {
        Status.UNVERIFIED: Clock.VERIFY,
        Status.AWAITING_REPORTER: Clock.DATA,
        Status.DISPOSED: Clock.FOLLOW_UP,
        Status.IN_PROGRESS: Clock.SETTLE,
        Status.ANSWERED: Clock.REPORTER,
    }.get(case.status)


def suggest(
    case: Case, district: str, rules: Iterable[RoutingRule], on: date
) -> RoutingRule | None:
    """The first rule, in their order, that matches the case on that day."""
    fitting = (rule for rule in rules if rule.fits(case, district, on))
    return next((rule for rule in fitting if rule.agency not in case.complains_about), None)


def _union(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one + other))


def _classified(case: Case) -> Case:
    """The case, if its class and category are complete for its kind."""
    if case.kind is Kind.COMPLAINT and case.class_ is None:
        raise Invalid("a complaint needs its class", "class", "required")
    if case.kind is not Kind.COMPLAINT and case.class_ is not None:
        raise Invalid("only a complaint has a class", "class", "complaint")
    if case.category is None:
        raise Invalid("a case needs its category", "category", "required")
    return case
