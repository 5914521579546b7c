"""Which clock runs when: what each happening in a case does to each clock.

Pure. `CLOCKWORK` is the whole of it; the rest reads the table, or says what an event means in it.
What a move makes of a clock's run stands in `runs`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Clock(StrEnum):
    """The promises about time (the glossary and the events call them by these letters)."""

    VERIFY = "V"
    FOLLOW_UP = "F"
    SETTLE = "S"
    SILENCE = "R"  # the reporter's, after an answer
    ARBITER = "A"
    DATA = "D"  # the reporter supplies what was asked for
    HAND_OVER = "H"
    CORRECTION = "C"  # what the Ombudsman's report of examination orders
    RECOMMENDATION = "O"  # what the Ombudsman recommends


class Happening(StrEnum):
    """What can happen to a case, as far as a clock can tell it apart."""

    OPENED = "opened"
    VERIFIED = "verified"
    DISPOSED = "disposed"
    REASSIGNED = "reassigned"
    RETURNED = "returned"
    RETURNED_TO_ARBITER = "returned_to_arbiter"
    HANDED_UP = "handed_up"
    HANDED_UP_TO_ARBITER = "handed_up_to_arbiter"
    ASKED_BY_COORDINATOR = "asked_by_coordinator"
    ASKED_BY_AGENCY = "asked_by_agency"
    QUESTION_NOTICED = "question_noticed"
    QUESTION_UNHEARD = "question_unheard"
    SUPPLIED = "supplied"
    QUESTION_CANCELLED = "question_cancelled"
    UNHEARD_CANCELLED = "unheard_cancelled"
    FOLLOWED_UP = "followed_up"
    ANSWERED = "answered"
    ANSWER_NOTICED = "answer_noticed"
    ANSWER_UNHEARD = "answer_unheard"
    OBJECTED = "objected"
    OBJECTED_WHILE_ASIDE = "objected_while_aside"
    OBJECTED_BY_ANOTHER = "objected_by_another"
    CLOSED = "closed"
    REOPENED = "reopened"
    RECLASSIFIED = "reclassified"
    ARCHIVED = "archived"
    FORWARDED = "forwarded"
    RECALLED = "recalled"
    WORD_RELAYED = "word_relayed"
    PROTECTED = "protected"
    MERGED = "merged"
    MERGED_INTO_ENDED = "merged_into_ended"
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"
    DESKS_CHANGED = "desks_changed"
    END_LOST = "end_lost"
    QUESTION_STANDS = "question_stands"
    ANSWER_STANDS = "answer_stands"
    RETURN_LOST = "return_lost"
    CORRECTION_ORDERED = "correction_ordered"
    RECOMMENDED = "recommended"
    OMBUDSMAN_CLOSED = "ombudsman_closed"


class Move(StrEnum):
    """What a happening does to a clock. A move that does not fit the clock's state does nothing."""

    # a new clock, unless one is open or this round has had one; one set aside begins once more
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    ANNUL = "annul"  # resumes, as if it had not stood; also what was set aside
    STOP = "stop"
    REVIVE = "revive"  # resumes, also what was set aside: then that was a pause
    CONTINUE = "continue"  # as `revive`, also what was stopped for good
    AGAIN = "again"  # goes on as that does; one that was stopped for good begins anew
    RENEW = "renew"  # as `start`; one of this round that was stopped, or stands, begins once more


class Cause(StrEnum):
    """Why a clock stands, as it is kept and told."""

    ASKED = "data_requested"
    ANSWERED = "answer_given"
    ARCHIVED = "archived"
    FORWARDED = "forwarded"
    UNREACHABLE = "unreachable"
    END_LOST = "end_lost"


# What the Ombudsman ordered: no event of the case touches these, it may have been closed long ago.
ORDERS = (Clock.CORRECTION, Clock.RECOMMENDATION)
# What was taken from the unit that it complains about: whose question and answer hold no more.
_HANDED_UP: Mapping[Clock, Move] = {
    Clock.FOLLOW_UP: Move.START,
    Clock.SETTLE: Move.RESUME,
    Clock.DATA: Move.STOP,
    Clock.SILENCE: Move.STOP,
}
_END: Mapping[Clock, Move] = dict.fromkeys((c for c in Clock if c not in ORDERS), Move.STOP)

# Nothing else starts, pauses or stops a clock: no edit, no reassignment, no return.
# F begins at the first disposition and a return does not touch it; only where what stopped it is
# lost with a database, it begins once more; and what was taken from an agency that had followed up
# is a new round, whose F begins at once. The reporter's own time counts against nobody who decides
# or handles: a question makes F and A of a case that came back stand, too. While an answer stands,
# S is paused: an objection gives back the days that were left, not new ones. Archiving and
# forwarding outside set a case aside: an objection to that revives its clocks. H counts from
# receipt and pauses for nothing else; a reopened case has a new S and H. R runs per round, D per
# question and A per return; neither R nor D runs out for a reporter whom no message of it could
# reach. Who takes a question back has not gained time by it, unless its reporter could not be told:
# then nothing else could end it. Nor has who recalls what they had forwarded outside.
# Who accepted, or was silent, ended their own case only, and for whose case follows it the answer
# stands: their objection continues S and H with the days that were left.
# R is the silence after the answer that stands: it begins when its reporter was told of that one,
# and once more when a mail came back and they were told at another address.
# Where the end of a case is lost with a database and the case goes on, so do its clocks; those that
# stood for what still stands then, stand again.
# Another kind or class, however it came, measures every open clock again.
# A merged case follows another one, whose clocks count for both; its own reporter keeps H and R. It
# may be answered still when the other is closed, for that one's reporter is content: if that one
# reopens it after all, it is reopened without having been closed.
CLOCKWORK: Mapping[Happening, Mapping[Clock, Move]] = {
    Happening.OPENED: {Clock.VERIFY: Move.START, Clock.HAND_OVER: Move.START},
    Happening.VERIFIED: {},
    Happening.DISPOSED: {
        Clock.VERIFY: Move.STOP,
        Clock.ARBITER: Move.STOP,
        Clock.FOLLOW_UP: Move.RENEW,
        Clock.SETTLE: Move.START,
    },
    Happening.REASSIGNED: {},
    Happening.RETURNED: {},
    Happening.RETURNED_TO_ARBITER: {Clock.ARBITER: Move.START},
    Happening.HANDED_UP: _HANDED_UP,
    Happening.HANDED_UP_TO_ARBITER: {**_HANDED_UP, Clock.ARBITER: Move.START},
    Happening.ASKED_BY_COORDINATOR: {
        Clock.VERIFY: Move.PAUSE,
        Clock.FOLLOW_UP: Move.PAUSE,  # this one and the next two: of a case that came back
        Clock.SETTLE: Move.PAUSE,
        Clock.ARBITER: Move.PAUSE,
        Clock.DATA: Move.START,
    },
    Happening.ASKED_BY_AGENCY: {Clock.SETTLE: Move.PAUSE, Clock.DATA: Move.START},
    Happening.QUESTION_NOTICED: {Clock.DATA: Move.RESUME},
    Happening.QUESTION_UNHEARD: {Clock.DATA: Move.PAUSE},
    Happening.SUPPLIED: {
        Clock.DATA: Move.STOP,
        Clock.VERIFY: Move.RESUME,
        Clock.FOLLOW_UP: Move.RESUME,
        Clock.SETTLE: Move.RESUME,
        Clock.ARBITER: Move.RESUME,
    },
    Happening.QUESTION_CANCELLED: {
        Clock.DATA: Move.STOP,
        Clock.VERIFY: Move.ANNUL,
        Clock.FOLLOW_UP: Move.ANNUL,
        Clock.SETTLE: Move.ANNUL,
        Clock.ARBITER: Move.ANNUL,
    },
    Happening.UNHEARD_CANCELLED: {
        Clock.DATA: Move.STOP,
        Clock.VERIFY: Move.RESUME,
        Clock.FOLLOW_UP: Move.RESUME,
        Clock.SETTLE: Move.RESUME,
        Clock.ARBITER: Move.RESUME,
    },
    Happening.FOLLOWED_UP: {Clock.FOLLOW_UP: Move.STOP},
    Happening.ANSWERED: {
        Clock.FOLLOW_UP: Move.STOP,
        Clock.SETTLE: Move.PAUSE,
        Clock.SILENCE: Move.STOP,
    },
    Happening.ANSWER_NOTICED: {Clock.SILENCE: Move.RENEW},
    Happening.ANSWER_UNHEARD: {Clock.SILENCE: Move.PAUSE},
    Happening.OBJECTED: {Clock.SILENCE: Move.STOP, Clock.SETTLE: Move.RESUME},
    Happening.OBJECTED_WHILE_ASIDE: {
        Clock.VERIFY: Move.REVIVE,
        Clock.FOLLOW_UP: Move.REVIVE,
        Clock.SETTLE: Move.REVIVE,
        Clock.ARBITER: Move.REVIVE,
        Clock.HAND_OVER: Move.REVIVE,
    },
    Happening.OBJECTED_BY_ANOTHER: {
        Clock.SETTLE: Move.CONTINUE,
        Clock.HAND_OVER: Move.CONTINUE,
    },
    Happening.CLOSED: _END,
    Happening.REOPENED: {
        Clock.SILENCE: Move.STOP,
        Clock.SETTLE: Move.AGAIN,
        Clock.HAND_OVER: Move.AGAIN,
    },
    Happening.RECLASSIFIED: {},
    Happening.PROTECTED: {},
    Happening.ARCHIVED: _END,
    Happening.FORWARDED: _END,
    Happening.RECALLED: {
        Clock.VERIFY: Move.ANNUL,
        Clock.FOLLOW_UP: Move.ANNUL,
        Clock.SETTLE: Move.ANNUL,
        Clock.ARBITER: Move.ANNUL,
        Clock.HAND_OVER: Move.ANNUL,
    },
    Happening.WORD_RELAYED: {},
    Happening.MERGED: {**_END, Clock.HAND_OVER: Move.AGAIN},
    Happening.MERGED_INTO_ENDED: _END,
    Happening.WITHDRAWN: _END,
    Happening.REFUSED: {},
    Happening.DESKS_CHANGED: {},
    Happening.END_LOST: dict.fromkeys(_END, Move.REVIVE),
    Happening.QUESTION_STANDS: {
        Clock.VERIFY: Move.PAUSE,
        Clock.FOLLOW_UP: Move.PAUSE,
        Clock.SETTLE: Move.PAUSE,
        Clock.ARBITER: Move.PAUSE,
    },
    Happening.ANSWER_STANDS: {Clock.SETTLE: Move.PAUSE},
    Happening.RETURN_LOST: {Clock.ARBITER: Move.STOP},
    Happening.CORRECTION_ORDERED: {Clock.CORRECTION: Move.START},
    Happening.RECOMMENDED: {Clock.CORRECTION: Move.STOP, Clock.RECOMMENDATION: Move.START},
    Happening.OMBUDSMAN_CLOSED: {Clock.CORRECTION: Move.STOP, Clock.RECOMMENDATION: Move.STOP},
}

SET_ASIDE = frozenset({Happening.ARCHIVED, Happening.FORWARDED})
# The statuses in which that leaves a case, and why its clocks stood if it comes back from there.
ASIDE: Mapping[str, Cause] = {
    "archived": Cause.ARCHIVED,
    "forwarded_externally": Cause.FORWARDED,
}
CAUSES: Mapping[Happening, Cause] = {
    Happening.ASKED_BY_COORDINATOR: Cause.ASKED,
    Happening.ASKED_BY_AGENCY: Cause.ASKED,
    Happening.QUESTION_UNHEARD: Cause.UNREACHABLE,
    Happening.ANSWERED: Cause.ANSWERED,
    Happening.ANSWER_UNHEARD: Cause.UNREACHABLE,
    Happening.OBJECTED_BY_ANOTHER: Cause.ANSWERED,
    Happening.END_LOST: Cause.END_LOST,
    Happening.QUESTION_STANDS: Cause.ASKED,
    Happening.ANSWER_STANDS: Cause.ANSWERED,
}
# What still begins and goes on for a case that follows another one.
OF_FOLLOWERS = frozenset({Clock.HAND_OVER, Clock.SILENCE, *ORDERS})
# Counted by themselves; the others bear the number of the round in which they began.
OWN_COUNT = frozenset({Clock.ARBITER, Clock.DATA, *ORDERS})
# Somebody in the government is late. R and D are the reporter's own time.
GOVERNMENT = frozenset(
    {Clock.VERIFY, Clock.FOLLOW_UP, Clock.SETTLE, Clock.ARBITER, Clock.HAND_OVER, *ORDERS}
)
REPORTERS = frozenset({Clock.SILENCE, Clock.DATA})
OPEN = frozenset({"unverified", "awaiting_reporter", "disposed", "in_progress", "answered"})
OVER = frozenset({"closed", "archived", "forwarded_externally", "withdrawn"})

_PLAIN: Mapping[str, Happening] = {
    "case.opened.v1": Happening.OPENED,
    "case.verified.v1": Happening.VERIFIED,
    "case.disposed.v1": Happening.DISPOSED,
    "case.reassigned.v1": Happening.REASSIGNED,
    "case.resumed.v1": Happening.SUPPLIED,
    "case.data_request_cancelled.v1": Happening.QUESTION_CANCELLED,
    "case.followed_up.v1": Happening.FOLLOWED_UP,
    "case.answered.v1": Happening.ANSWERED,
    "case.closed.v1": Happening.CLOSED,
    "case.reopened.v1": Happening.REOPENED,
    "case.reclassified.v1": Happening.RECLASSIFIED,
    "case.protected.v1": Happening.PROTECTED,
    "case.archived.v1": Happening.ARCHIVED,
    "case.forwarded.v1": Happening.FORWARDED,
    "case.recalled.v1": Happening.RECALLED,
    "case.word_relayed.v1": Happening.WORD_RELAYED,
    "case.withdrawn.v1": Happening.WITHDRAWN,
    "case.refused.v1": Happening.REFUSED,
    "case.desks_changed.v1": Happening.DESKS_CHANGED,
}
_BY_DETAIL: Mapping[str, tuple[str, Mapping[Any, Happening]]] = {
    "case.data_requested.v1": (
        "awaited_from",
        {
            "unverified": Happening.ASKED_BY_COORDINATOR,
            "in_progress": Happening.ASKED_BY_AGENCY,
        },
    ),
    "case.objected.v1": (
        "status",
        {
            "in_progress": Happening.OBJECTED,
            "unverified": Happening.OBJECTED_WHILE_ASIDE,
        },
    ),
    "case.merged.v1": (
        "status",
        {
            **dict.fromkeys(OPEN, Happening.MERGED),
            **dict.fromkeys(OVER, Happening.MERGED_INTO_ENDED),
        },
    ),
}
RETURNS_TO_ARBITER = 2
# Back with the desk: by how often agencies returned it until then, before that and from then on.
_BACK: Mapping[str, tuple[Happening, Happening]] = {
    "case.returned.v1": (Happening.RETURNED, Happening.RETURNED_TO_ARBITER),
    "case.handed_up.v1": (Happening.HANDED_UP, Happening.HANDED_UP_TO_ARBITER),
}
CASE_EVENTS = (*_PLAIN, *_BY_DETAIL, *_BACK)


def moves(what: Happening, *, follows: bool) -> dict[Clock, Move]:
    """What `what` does to the clocks of a case, which may follow another one."""
    return {
        clock: move
        for clock, move in CLOCKWORK[what].items()
        if not follows or move is Move.STOP or clock in OF_FOLLOWERS
    }


def happening(
    type: str, data: Mapping[str, Any], *, unheard: bool = False, was: str = ""
) -> Happening:
    """What an event of a case means here, whose reporter could not be told of an open question if
    it is `unheard`, and whose status `was` that. Raises KeyError for one that nobody has thought
    of."""
    if type in _PLAIN:
        what = _PLAIN[type]
        cancelled_unheard = unheard and what is Happening.QUESTION_CANCELLED
        return Happening.UNHEARD_CANCELLED if cancelled_unheard else what
    if type in _BACK:
        return _BACK[type][(data["returns"] or 0) >= RETURNS_TO_ARBITER]
    detail, meanings = _BY_DETAIL[type]
    what = meanings[data[detail]]
    is_anothers = what is Happening.OBJECTED and was == "closed"  # its own reporter would reopen it
    return Happening.OBJECTED_BY_ANOTHER if is_anothers else what


class Notice(StrEnum):
    """What the news that a reporter was told of an answer means."""

    STARTS_SILENCE = "starts_silence"
    EARLY = "early"  # the answer itself has not been heard of yet
    LATE = "late"  # the case has moved on


def notice_of_answer(status: str, cycle: int, noticed_cycle: int) -> Notice:
    """What a notice about the answer of round `noticed_cycle` means for a case as it is known."""
    if noticed_cycle < cycle or (noticed_cycle == cycle and status in OVER):
        return Notice.LATE
    if noticed_cycle == cycle and status == "answered":
        return Notice.STARTS_SILENCE
    return Notice.EARLY
