"""What makes a report acceptable, what its reporter may do next, and how it is referred to.

Pure: no input or output, time is an argument.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from stdnum import damm

from chassis.errors import Invalid, NotAllowed
from chassis.written import joined, numbered

SUBMITTED = "report.submitted"  # how a timeline begins
OWN = "reporter."  # how all that a reporter did later begins


class Kind(StrEnum):
    """What the reporter sends."""

    COMPLAINT = "complaint"
    ASPIRATION = "aspiration"
    INFORMATION_REQUEST = "information_request"


class Confidentiality(StrEnum):
    """Who may come to know the reporter. `anonymous`: nothing is collected at all."""

    OPEN = "open"
    CONFIDENTIAL = "confidential"
    ANONYMOUS = "anonymous"


class Status(StrEnum):
    """Where a report stands, as routing last told."""

    UNVERIFIED = "unverified"
    AWAITING_REPORTER = "awaiting_reporter"
    DISPOSED = "disposed"
    IN_PROGRESS = "in_progress"
    ANSWERED = "answered"
    CLOSED = "closed"
    ARCHIVED = "archived"
    FORWARDED_EXTERNALLY = "forwarded_externally"
    WITHDRAWN = "withdrawn"


class Action(StrEnum):
    """What a reporter may ask for."""

    SUPPLEMENT = "supplement"
    ACCEPT = "accept"
    OBJECT = "object"
    REOPEN = "reopen"
    WITHDRAW = "withdraw"
    CONSENT = "consent_to_escalation"
    WITHDRAW_CONSENT = "withdraw_consent"
    REPLACE_CONTACT = "replace_contact"


_OPEN: frozenset[Action] = frozenset({Action.SUPPLEMENT, Action.WITHDRAW, Action.CONSENT})

# Intake's own copy of what routing's transition table allows a reporter (a test compares them):
# a request is refused here at once where it can only fail; routing has the last word. A consent is
# taken back whatever the status; of a contact it never hears (`contact`).
ACTIONS: Mapping[Status, frozenset[Action]] = {
    Status.UNVERIFIED: _OPEN,
    Status.AWAITING_REPORTER: _OPEN,
    Status.DISPOSED: _OPEN,
    Status.IN_PROGRESS: _OPEN,
    Status.ANSWERED: _OPEN | {Action.ACCEPT, Action.OBJECT},
    Status.CLOSED: frozenset({Action.REOPEN}),
    Status.ARCHIVED: frozenset({Action.OBJECT, Action.CONSENT}),
    Status.FORWARDED_EXTERNALLY: frozenset({Action.OBJECT, Action.CONSENT}),
    Status.WITHDRAWN: frozenset(),
}
# What is over, and may go on if its reporter asks for that in time.
ASIDE = frozenset({Status.CLOSED, Status.ARCHIVED, Status.FORWARDED_EXTERNALLY})
# What ended before 2026-11-30 does not say until when that is; until then this was the limit.
FORMERLY_WITHIN = timedelta(days=30)


def actions(
    status: Status,
    until: datetime,
    now: datetime,
    *,
    consented: bool = False,
    handed_over: bool = False,
) -> list[Action]:
    """What the reporter may do with a report that stands in `status` and, if it is over, may be
    taken up again `until` then. One that was handed over takes no consent to that any more; one
    that stands can be taken back at any time (UU 27/2022 Pasal 9)."""
    allowed = frozenset() if is_too_late(status, until, now) else ACTIONS[status]
    if handed_over:
        allowed -= {Action.CONSENT}
    if consented:
        allowed |= {Action.WITHDRAW_CONSENT}
    return sorted(allowed)


def is_too_late(status: Status, until: datetime, now: datetime) -> bool:
    """Whether it is over for good, as its time to be taken up again is."""
    return status in ASIDE and now > until


def permit(action: Action, status: Status, until: datetime, now: datetime) -> None:
    """Raises NotAllowed for what the reporter may not do now, by the rules that are
    routing's reasons too (`case.refused`). A consent is taken back also where none is known: a
    restore may have taken it from here alone."""
    if action in ACTIONS[status] and is_too_late(status, until, now):
        message = f"the time to ask for that is over ({action}): a new report is welcome"
        raise NotAllowed(message, "number", "too_late")
    if action not in actions(status, until, now, consented=True):
        message = f"a report that is {status} does not take this request ({action})"
        raise NotAllowed(message, "number", "wrong_status")


def check_submission(body: Mapping[str, Any], today: date) -> None:
    """Raises Invalid for rules that concern more than one field. `today` is the local day."""
    if body["event_date"] > today:
        raise Invalid("the day of the event lies in the future", "event_date", "not_future")
    if body["confidentiality"] == Confidentiality.ANONYMOUS and body.get("contact"):
        raise Invalid(
            "an anonymous report keeps no contact: leave it out or choose confidential",
            "contact",
            "anonymous",
        )


def check_known(body: Mapping[str, Any], known: Mapping[str, Iterable[str]]) -> None:
    """Raises Invalid for a district, agency or category code that is not in `known`."""
    chosen = {
        "place.district": body["place"]["district"],
        "agency": body.get("agency"),
        "category": body.get("category"),
    }
    for field, code in chosen.items():
        if code is not None and code not in known[field.split(".")[-1]]:
            raise Invalid("there is no such code", field, "known")


def is_reachable(contact: Mapping[str, Any] | None) -> bool:
    """Whether a contact holds a way to be told of news."""
    return bool(contact and contact.get("email"))


def number(prefix: str, digits: int) -> str:
    """The public number of `digits` (0 <= digits < 10^9): KTB-12345-67894, whose last digit checks
    the others, so that a number misheard on the telephone is not another report's."""
    body = f"{digits:09d}"
    whole = body + damm.calc_check_digit(body)
    return f"{prefix}-{whole[:5]}-{whole[5:]}"


def read_number(text: str, prefix: str) -> str:
    """A public number out of how a person wrote it down, with `prefix` if they left it out; nothing
    of what cannot be one."""
    found = numbered(text, prefix)
    return found if damm.is_valid(found[-11:].replace("-", "")) else ""


# Crockford's base 32: no I, L, O, U, so that a code can be copied by hand and read out.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 26  # characters of 5 bits: 130 bits
_MISREAD = str.maketrans("OIL", "011")


def code(value: int) -> str:
    """The tracking code of a random `value` of 130 bits, in groups: 7Q2ZK-...."""
    characters = "".join(ALPHABET[value >> 5 * i & 31] for i in reversed(range(CODE_LENGTH)))
    return "-".join(characters[i : i + 5] for i in range(0, CODE_LENGTH, 5))


def read_code(text: str) -> str:
    """A code as it was made out of how a person wrote it down; may still be no code at all."""
    return joined(text).translate(_MISREAD)


# What the reporter sees of each event: the fields that say more than that it happened.
SHOWN: Mapping[str, tuple[str, ...]] = {
    "case.opened": (),
    "case.verified": ("class", "category"),
    "case.disposed": ("agency", "supporting"),
    "case.reassigned": ("agency", "supporting"),
    "case.returned": ("goes_to", "returns"),
    "case.handed_up": ("returns",),
    "case.data_requested": (),
    "case.data_request_cancelled": (),
    "case.resumed": (),
    "case.followed_up": ("agency",),
    "case.answered": ("agency", "outcome"),
    "case.objected": (),
    "case.closed": ("how", "reopen_until"),
    "case.reopened": (),
    "case.archived": ("reason", "reopen_until"),
    "case.forwarded": ("reopen_until",),
    "case.recalled": (),
    "case.word_relayed": ("said_on",),
    "case.reclassified": ("kind", "class", "category"),
    "case.protected": ("confidentiality", "hidden_from_public"),
    "case.merged": (),  # the other report is somebody else's
    "case.withdrawn": (),
    "case.refused": ("action", "reason_code"),
    "deadline.passed": ("clock", "due_at", "ends_on"),
    "deadline.kept": ("clock", "due_at", "ends_on"),
    "deadline.recomputed": ("clock", "before", "after", "ends_on", "reason"),
    "escalation.raised": ("clock", "level", "to"),
    "escalation.offered": ("reason",),
    "escalation.handed_over": (),
    "escalation.answered": ("answer", "reason", "reference", "decided_at"),
    "message.failed": ("about", "reason"),
}

LEFT_BEHIND = "escalation.left_behind"  # what did not go along at a hand-over
CONSENT_ENDED = "consent.ended"  # taken back, or with a withdrawal, whatever became of that
_OURS = (LEFT_BEHIND, CONSENT_ENDED)
# Everything that a timeline may hold.
LINES = (SUBMITTED, *SHOWN, *(f"reporter.{action}" for action in Action), *_OURS)


def is_news(what: str, data: Mapping[str, Any]) -> bool:
    """Whether a reporter wants a line about it: not that a message could not reach somebody who
    leaves no address, nor that a limit rests while it is not the government's turn."""
    if what == "message.failed":
        return bool(data["reason"] != "no_address")
    if what == "deadline.recomputed":
        return data["reason"] not in ("paused", "resumed")
    return True


# Which clocks are running for the reporter's eyes while a report stands in a status.
CLOCKS: Mapping[Status, frozenset[str]] = {
    Status.UNVERIFIED: frozenset({"V"}),
    Status.AWAITING_REPORTER: frozenset({"D"}),
    Status.DISPOSED: frozenset({"F", "S"}),
    Status.IN_PROGRESS: frozenset({"S"}),
    Status.ANSWERED: frozenset({"R"}),
}
# And while the Ombudsman's last answer orders something, whatever the status.
ORDERS: Mapping[str, str] = {"corrective_action": "C", "recommendation": "O"}

OF_FOLLOWERS = frozenset({"R", *ORDERS.values()})  # the others count with the case followed
TAKEN = "case.handed_up"
COMES_BACK = ("case.returned", TAKEN)  # to the desk, and tells how often it was returned
RETURNS_TO_ARBITER = 2  # and at each return after that one
EVER_SHOWN = sorted({"A", *ORDERS.values()}.union(*CLOCKS.values()))


def clocks(
    status: Status, answers: Sequence[str], happened: Sequence[tuple[str, Mapping[str, Any]]]
) -> frozenset[str]:
    """The clocks to show for a report to which all this has `happened`, and to which the Ombudsman
    has given these answers, in order."""
    ordered = {ORDERS[answer] for answer in answers[-1:] if answer in ORDERS}
    if follows(what for what, _ in happened):
        return CLOCKS.get(status, frozenset()) & OF_FOLLOWERS | ordered
    came_back = status is Status.UNVERIFIED and any(what == "case.disposed" for what, _ in happened)
    running = _of_came_back(happened) if came_back else CLOCKS.get(status, frozenset())
    return running | ordered


def follows(happened: Iterable[str]) -> bool:
    """Whether a report to which all this has happened, in order, was merged into another one whose
    handling counts for both, until its own reporter ended that."""
    turns = [what for what in happened if what in ("case.merged", "case.closed")]
    return turns[-1:] == ["case.merged"]


_BEGINS_OR_ENDS_F = ("case.disposed", TAKEN, "case.followed_up", "case.answered")


def _of_came_back(happened: Sequence[tuple[str, Mapping[str, Any]]]) -> frozenset[str]:
    """V stopped when the report was handed to an agency; what began then goes on. F begins once
    more where an agency gets it that had been acted on, after an objection to its archiving; and at
    once where it was taken from one that had acted."""
    handled = [what for what, _ in happened if what in _BEGINS_OR_ENDS_F]
    acted = handled[-1:] not in (["case.disposed"], [TAKEN])
    turns = [turn for turn in happened if turn[0] in ("case.disposed", *COMES_BACK)]
    again = any(what in COMES_BACK and _is_again(detail) for what, detail in turns[-1:])
    return frozenset({"S", *("A" if again else ""), *("" if acted else "F")})


def _is_again(returned: Mapping[str, Any]) -> bool:
    """Whether it was not the first return: A runs then, whichever desk decides. Of those before
    2026-11-29 only that desk is known."""
    if "returns" not in returned:
        return returned.get("goes_to") == "arbiter"
    return bool((returned["returns"] or 0) >= RETURNS_TO_ARBITER)
