"""Which event tells a reporter what, what a mail server's answer means.

A message says that there is news and which step it was; it never holds a report's or an answer's
text, an agency's name or an outcome. Words are kept per language, so that a message can be written
in the reporter's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from enum import StrEnum
from typing import Any

from stdnum import damm

from chassis.errors import Invalid, Poison
from chassis.written import numbered
from services.notify.wording import MONTHS, WORDS


def number(text: str) -> str:
    """A report's public number out of how a person typed it. Raises Invalid for another form, and
    for a last digit that does not check the others: it would be another report's, or nobody's."""
    typed = numbered(text)
    if not typed:
        raise Invalid("a number looks like KTB-12345-67894", "number", "form")
    if not damm.is_valid(typed[-11:].replace("-", "")):
        raise Invalid("a digit of this number is wrong", "number", "check_digit")
    return typed


class About(StrEnum):
    """Which news a message tells; also the name of its templates."""

    RECEIVED = "received"
    VERIFIED = "verified"
    DISPOSED = "disposed"
    REASSIGNED = "reassigned"
    RETURNED = "returned"
    HANDED_UP = "handed_up"
    DATA_REQUESTED = "data_requested"
    DATA_REQUEST_CANCELLED = "data_request_cancelled"
    RESUMED = "resumed"
    FOLLOWED_UP = "followed_up"
    ANSWERED = "answered"
    OBJECTED = "objected"
    CLOSED = "closed"
    REOPENED = "reopened"
    ARCHIVED = "archived"
    FORWARDED = "forwarded"
    RECALLED = "recalled"
    WORD_RELAYED = "word_relayed"
    RECLASSIFIED = "reclassified"
    MERGED = "merged"
    PROTECTED = "protected"
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"
    DEADLINE_APPROACHING = "deadline_approaching"
    DEADLINE_PASSED = "deadline_passed"
    DEADLINE_KEPT = "deadline_kept"
    DEADLINE_RECOMPUTED = "deadline_recomputed"
    ESCALATION_RAISED = "escalation_raised"
    ESCALATION_OFFERED = "escalation_offered"
    HANDED_OVER = "handed_over"
    POST_REMINDED = "post_reminded"
    POST_RAISED = "post_raised"
    OMBUDSMAN_ANSWERED = "ombudsman_answered"
    NEWS_COMES_HERE = "news_comes_here"
    NEWS_ENDS_HERE = "news_ends_here"


@dataclass(frozen=True)
class Rule:
    """Events of `type` whose data match `where`, and have what it `needs`, are told as `about`."""

    type: str
    about: About
    where: Mapping[str, frozenset[str]] = field(default_factory=dict)
    needs: str = "at"


GOVERNMENTS_LIMITS = frozenset("VFSACO")  # limits that bind the government
REPORTERS_LIMITS = frozenset("RD")  # limits that bind the reporter, who is reminded of them

# The reporter is told every step, a missed limit and an escalation too; a moved limit if a decree
# moved it, or if it begins with a later end than the receipt promised. Not told: `case.opened`
# (`received` says it), the government's reminders to itself, limits that pause, resume or follow a
# reclassification (that step is told), nor of R, D and H: closed, archived and offered say it.
RULES = (
    Rule("report.contact_sealed.v1", About.RECEIVED, needs="received_at"),
    Rule("case.verified.v1", About.VERIFIED),
    Rule("case.disposed.v1", About.DISPOSED),
    Rule("case.reassigned.v1", About.REASSIGNED),
    Rule("case.returned.v1", About.RETURNED),
    Rule("case.handed_up.v1", About.HANDED_UP),
    Rule("case.data_requested.v1", About.DATA_REQUESTED),
    Rule("case.data_request_cancelled.v1", About.DATA_REQUEST_CANCELLED),
    Rule("case.resumed.v1", About.RESUMED),
    Rule("case.followed_up.v1", About.FOLLOWED_UP),
    Rule("case.answered.v1", About.ANSWERED),
    Rule("case.objected.v1", About.OBJECTED),
    Rule("case.closed.v1", About.CLOSED),
    Rule("case.reopened.v1", About.REOPENED),
    Rule("case.archived.v1", About.ARCHIVED),
    Rule("case.forwarded.v1", About.FORWARDED),
    Rule("case.recalled.v1", About.RECALLED),
    Rule("case.word_relayed.v1", About.WORD_RELAYED),
    Rule("case.reclassified.v1", About.RECLASSIFIED),
    Rule("case.merged.v1", About.MERGED),
    Rule("case.protected.v1", About.PROTECTED),
    Rule("case.withdrawn.v1", About.WITHDRAWN),
    Rule("case.refused.v1", About.REFUSED),
    Rule("deadline.approaching.v1", About.DEADLINE_APPROACHING, {"clock": REPORTERS_LIMITS}),
    Rule("deadline.passed.v1", About.DEADLINE_PASSED, {"clock": GOVERNMENTS_LIMITS}),
    Rule("deadline.kept.v1", About.DEADLINE_KEPT, {"clock": GOVERNMENTS_LIMITS}),
    Rule(
        "deadline.recomputed.v1",
        About.DEADLINE_RECOMPUTED,
        {
            "clock": GOVERNMENTS_LIMITS | REPORTERS_LIMITS,
            "reason": frozenset({"calendar", "limit", "promise"}),
        },
        needs="after",
    ),
    Rule("escalation.raised.v1", About.ESCALATION_RAISED),
    Rule("escalation.offered.v1", About.ESCALATION_OFFERED),
    Rule("escalation.handed_over.v1", About.HANDED_OVER),
    Rule("escalation.answered.v1", About.OMBUDSMAN_ANSWERED),
    Rule("report.contact_replaced.v1", About.NEWS_COMES_HERE),
)


def about(type: str, data: Mapping[str, object]) -> About | None:
    """What an event tells the reporter; None when it is not for them. First match wins."""
    for rule in RULES:
        if rule.type == type and all(data.get(k) in v for k, v in rule.where.items()):
            return rule.about if data.get(rule.needs) is not None else None
    return None


def lies_ahead(moved: Mapping[str, Any]) -> bool:
    """Whether a limit that was moved has not passed, whatever was said of it. One without an end
    stands, and began to before it was over."""
    return moved["after"] is None or bool(moved["after"] > moved["at"])


def end(moved: Mapping[str, Any]) -> str | None:
    """Where a limit that was moved ends now, as messages keep it; None while it stands."""
    if moved["after"] is None:
        return None
    return str((moved.get("ends_on") or moved["after"]).isoformat())


TO_POSTS: Mapping[str, About] = {
    "deadline.approaching.v1": About.POST_REMINDED,
    "escalation.raised.v1": About.POST_RAISED,
}
OF_POSTS = frozenset(TO_POSTS.values())  # all the others are told to the reporter
# Told to where a reporter's news went until then, so that it is no news of whether they were told.
TO_FORMER = frozenset({About.NEWS_ENDS_HERE})

# What a limit that is said to have passed brings about, and that is not so if it had been kept.
OF_PASSING = frozenset({About.DEADLINE_PASSED, About.ESCALATION_RAISED, About.POST_RAISED})

# What a reminder's limit ends with: one binds the reporter while it is their turn only.
ENDS_REMINDERS = frozenset(
    {
        About.DATA_REQUEST_CANCELLED,
        About.RESUMED,
        About.HANDED_UP,
        About.ANSWERED,  # anew, after a restore: the silence after it begins anew, too
        About.OBJECTED,
        About.CLOSED,
        About.REOPENED,
        About.ARCHIVED,
        About.FORWARDED,
        About.MERGED,
        About.WITHDRAWN,
    }
)

# Of these, and a question, the latest is what a reporter must know, to do something or not to.
TURNS = ENDS_REMINDERS | {About.DATA_REQUESTED}

# With what a case leaves the hands that it was in.
CHANGES_HANDS = frozenset(
    {
        About.DISPOSED,
        About.REASSIGNED,
        About.RETURNED,
        About.HANDED_UP,
        About.CLOSED,
        About.ARCHIVED,
        About.FORWARDED,
        About.MERGED,
        About.WITHDRAWN,
    }
)

REMINDERS = frozenset({About.DEADLINE_APPROACHING, About.POST_REMINDED})

# Of which nothing that follows says that it is not so any more.
UNCORRECTED = REMINDERS | {About.ESCALATION_OFFERED}

# What comes about though no officer does anything: whoever sends reports brings it about, to any
# address and as often as they like.
UNPROMPTED = frozenset(
    {
        About.RECEIVED,
        About.WITHDRAWN,
        About.REFUSED,
        About.DEADLINE_PASSED,
        About.DEADLINE_RECOMPUTED,  # one decree brings it about for all that are open
        About.ESCALATION_RAISED,
        About.ESCALATION_OFFERED,
        About.HANDED_OVER,
        *TO_FORMER,
        About.NEWS_COMES_HERE,
    }
)


# --- What may stand in a message

PLACEHOLDERS = {  # beside `number` and `url`, which stand in the frame of every message
    About.CLOSED: frozenset({"at", "how"}),
    About.ARCHIVED: frozenset({"at", "until"}),
    About.FORWARDED: frozenset({"at", "until"}),
    About.REFUSED: frozenset({"at", "why"}),
    About.DEADLINE_APPROACHING: frozenset({"limit", "due", "otherwise"}),
    About.DEADLINE_PASSED: frozenset({"limit", "due"}),
    About.DEADLINE_KEPT: frozenset({"limit", "due", "at"}),
    About.DEADLINE_RECOMPUTED: frozenset({"limit", "due", "because"}),
    About.ESCALATION_RAISED: frozenset({"at", "limit", "due", "office"}),
    About.ESCALATION_OFFERED: frozenset({"at", "basis"}),
    About.POST_REMINDED: frozenset({"limit", "due"}),
    About.POST_RAISED: frozenset({"limit", "due", "office"}),
}
ORDINARY = frozenset({"at"})

KEYS = {
    "limit": "clock",
    "otherwise": "clock",
    "office": "to",
    "how": "how",
    "why": "reason_code",
    "because": "reason",
    "basis": "reason",
}
MOMENTS = {
    **{(news, "due"): "due_at" for news in About},
    (About.RECEIVED, "at"): "received_at",
    (About.DEADLINE_RECOMPUTED, "due"): "after",
    (About.ARCHIVED, "until"): "reopen_until",
    (About.FORWARDED, "until"): "reopen_until",
}
# What is said in place of a fact that was not kept yet when the message was filed, or not told yet
# when the event was said.
FORMERLY: Mapping[About, Mapping[str, str]] = {
    About.REFUSED: {"why": "wrong_status"},
    About.ARCHIVED: {"until": "shown"},
    About.FORWARDED: {"until": "shown"},
    About.DEADLINE_RECOMPUTED: {"because": "amended"},
    About.ESCALATION_OFFERED: {"basis": "either"},
}


def placeholders(news: About) -> frozenset[str]:
    """The only names that a template of this news may use."""
    return PLACEHOLDERS.get(news, ORDINARY)


def facts(news: About, data: Mapping[str, Any]) -> dict[str, str]:
    """What is kept of an event for its message: days, moments (RFC 3339), words of closed sets. A
    limit's day is the one that was told with it, whichever zone counts it. Of one that was moved
    and lies ahead also since when: what was said before that of its passing is not so.

    Raises Poison when the event lacks a fact that its message needs, and that was always told, or
    has an unknown word.
    """
    found = {}
    for name in placeholders(news):
        value = data.get(KEYS[name] if name in KEYS else MOMENTS.get((news, name), name))
        if name == "due" and value is not None:
            value = data.get("ends_on") or value
        if value is None and name in FORMERLY.get(news, {}):
            continue
        if isinstance(value, date) and name not in KEYS:
            found[name] = value.isoformat()
        elif isinstance(value, str) and value in WORDS.get(name, {}):
            found[name] = value
        else:
            raise Poison(f"a message about {news} cannot say its {name}")
    if news is About.DEADLINE_RECOMPUTED and lies_ahead(data):
        found["at"] = data["at"].isoformat()
    return found


def words(kept: Mapping[str, str], language: str, zone: tzinfo) -> dict[str, str]:
    """Kept facts in a language: days, those of moments in `zone`; words from the table."""
    return {
        name: WORDS[name][value][language]
        if value in WORDS.get(name, {})
        else in_words(_day(datetime.fromisoformat(value), zone), language)
        for name, value in kept.items()
    }


def comes_too_late(
    news: About, kept: Mapping[str, str], written_at: datetime, now: datetime, zone: tzinfo
) -> bool:
    """Whether this reminds of a day that was to come when it was written, and is over."""
    if news not in REMINDERS:
        return False
    due = _day(datetime.fromisoformat(kept["due"]), zone)
    return _day(written_at, zone) <= due < _day(now, zone)


def _day(kept: datetime, zone: tzinfo) -> date:
    return kept.astimezone(zone).date() if kept.tzinfo else kept.date()


def in_words(day: date, language: str) -> str:
    """A day as it is read: `7 Desember 2026`."""
    return f"{day.day} {MONTHS[language].split()[day.month - 1]} {day.year}"


# --- Sending


class Stage(StrEnum):
    """How far a conversation with a mail server got."""

    CONNECT = "connect"
    HELLO = "hello"
    TLS = "tls"
    SIGN_IN = "sign_in"
    SENDER = "sender"
    RECIPIENT = "recipient"
    CONTENT = "content"
    TAKEN = "taken"


ABOUT_THIS_MESSAGE = {Stage.RECIPIENT, Stage.CONTENT}
SHUTS_DOWN = 421  # to whatever it is said (RFC 5321, 3.8)


class Reply(StrEnum):
    """All that is kept of a server's reply: its text may repeat the address."""

    TEMPORARY = "4xx"
    PERMANENT = "5xx"
    UNEXPECTED = "other"
    NONE = "none"


class Undelivered(Exception):
    """A message was not taken, as far as we know. Carries the reply's class, not its text."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.value)
        self.reply = reply


class Rejected(Undelivered):
    """The other side refuses this message or this mailbox: never again."""


class Unavailable(Undelivered):
    """Not now: again later."""


class Hindered(Unavailable):
    """The server takes nothing from anybody, or nothing from us (connection, TLS, sign-in, sender):
    that is to be mended, and says nothing of this message."""


class Unanswered(Undelivered):
    """The text was sent whole, and nothing came back: the server may have taken it."""

    def __init__(self) -> None:
        super().__init__(Reply.NONE)


def refusal(stage: Stage, code: int | None, *, sent: bool = False) -> Undelivered:
    """What a reply `code` (None: no reply) at this stage means; `sent`: the text went whole."""
    if code is None and sent:
        return Unanswered()
    classes = {4: Reply.TEMPORARY, 5: Reply.PERMANENT}
    reply = Reply.NONE if code is None else classes.get(code // 100, Reply.UNEXPECTED)
    if stage not in ABOUT_THIS_MESSAGE or code == SHUTS_DOWN:
        return Hindered(reply)
    return Rejected(reply) if reply is Reply.PERMANENT else Unavailable(reply)
