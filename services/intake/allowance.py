"""How much one report takes from its reporter, far beyond honest use: who holds one code cannot
make it outgrow the memory of those who read it, nor fill the outbox.

What an officer's move awaits is taken all the same: one answer to each question, and one objection,
acceptance, reopening and withdrawal after each step of the case. A withdrawal, of the report or of
the consent alone, also after each consent, which it takes back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.errors import FieldError, NotAllowed
from services.intake.domain import Action, Status
from services.intake.latecomers import CONSENTED, DIRECTLY, TAKES_BACK
from services.intake.models import TimelineEntry

MOST_REQUESTS = 100  # all that is asked for, but consents and contacts, together
MOST_CHARACTERS = 500_000  # in the words of all of these: fifty of the longest additions
MOST_CONSENTS = 10  # since the report was last over
OVER = frozenset({Status.CLOSED, Status.ARCHIVED, Status.FORWARDED_EXTERNALLY, Status.WITHDRAWN})
_ENDS = frozenset({"case.closed", "case.archived", "case.forwarded", "case.withdrawn"})
_COUNTED_APART = frozenset({Action.CONSENT, Action.REPLACE_CONTACT})
_REQUESTS = frozenset(f"reporter.{action}" for action in Action if action not in _COUNTED_APART)


class Limit(StrEnum):
    """What a request may exceed; the rule of its refusal."""

    REQUESTS = "most_requests"
    CHARACTERS = "most_characters"
    CONSENTS = "most_consents"


_STILL = (
    "Setiap pertanyaan dan langkah petugas tetap dapat Anda tanggapi satu kali; hal baru kirimlah"
    " sebagai laporan baru.",
    "To each question and step of an officer you can still reply once; send what is new as a new"
    " report.",
)
_SAID = {
    Limit.REQUESTS: (
        f"Laporan ini sudah menerima {MOST_REQUESTS} tambahan dan permintaan. {_STILL[0]}",
        f"This report has taken {MOST_REQUESTS} additions and requests. {_STILL[1]}",
    ),
    Limit.CHARACTERS: (
        f"Semua yang Anda tulis melebihi {MOST_CHARACTERS} karakter: persingkatlah. {_STILL[0]}",
        f"All that you wrote exceeds {MOST_CHARACTERS} characters: shorten this. {_STILL[1]}",
    ),
    Limit.CONSENTS: (
        f"Anda sudah {MOST_CONSENTS} kali menyetujui; yang terakhir Anda nyatakan tentang itu"
        f" berlaku. {DIRECTLY[0]}",
        f"You have consented {MOST_CONSENTS} times; what you said last of it holds. {DIRECTLY[1]}",
    ),
}


@dataclass(frozen=True)
class Line:
    """A line of the timeline: what it tells, how many characters the reporter wrote, and of a
    consent whether it came with the form."""

    what: str
    characters: int = 0
    with_form: bool = False


def lines(tx: Session, number: str) -> list[Line]:
    """A report's timeline without its words, in the order in which it was written. Under the
    report's lock nothing is added to it meanwhile."""
    length = sa.func.coalesce(sa.func.char_length(TimelineEntry.text), 0)
    with_form = TimelineEntry.detail["with_identity"].as_boolean()
    asked = sa.select(TimelineEntry.what, length, sa.func.coalesce(with_form, False))
    mine = asked.where(TimelineEntry.number == number).order_by(TimelineEntry.id)
    return [Line(*row) for row in tx.execute(mine)]


def line(entry: TimelineEntry) -> Line:
    """The same of one entry that was read already."""
    with_form = bool(entry.detail.get("with_identity"))
    return Line(entry.what, len(entry.text or ""), with_form)


def consents(timeline: Sequence[Line]) -> list[bool]:
    """The consents since the report was last over, the newest first: whether with the form."""
    since = takewhile(lambda told: told.what not in _ENDS, reversed(timeline))
    return [told.with_form for told in since if told.what == CONSENTED]


def exceeded(
    timeline: Sequence[Line], action: Action, status: Status, characters: int
) -> Limit | None:
    """The limit that a request with so many characters would exceed."""
    if action is Action.CONSENT:
        return Limit.CONSENTS if len(consents(timeline)) >= MOST_CONSENTS else None
    taken = [said for said in timeline if said.what in _REQUESTS]
    if len(taken) < MOST_REQUESTS:
        if sum(said.characters for said in taken) + characters <= MOST_CHARACTERS:
            return None
        limit = Limit.CHARACTERS
    else:
        limit = Limit.REQUESTS
    return None if _is_awaited(timeline, action, status) else limit


def check(
    timeline: Sequence[Line], action: Action, status: Status, characters: int, field: str
) -> None:
    """Raises NotAllowed, about that field of the body, for a request that exceeds a limit."""
    if limit := exceeded(timeline, action, status, characters):
        message = " / ".join(_SAID[limit])
        error = FieldError(field=field, rule=limit, message=message)
        raise NotAllowed("this report takes no more of this", errors=[error])


def _is_awaited(timeline: Sequence[Line], action: Action, status: Status) -> bool:
    """Whether it is the first of its kind since the case last moved; of additions, only what
    answers a question."""
    if action is Action.SUPPLEMENT and status is not Status.AWAITING_REPORTER:
        return False
    return not _is_among(action, [told.what for told in _since_move(timeline)])


def stands(timeline: Sequence[Line], action: Action) -> bool:
    """Whether it was asked for since the case last moved or refused anything."""
    told = [each.what for each in timeline]
    return _is_among(action, list(takewhile(lambda what: what[:5] != "case.", reversed(told))))


def _is_among(action: Action, since: list[str]) -> bool:
    """Whether it is among these, the newest first; what takes back a consent, since that."""
    if f"reporter.{action}" in TAKES_BACK and CONSENTED in since:
        since = since[: since.index(CONSENTED)]
    return f"reporter.{action}" in since


def _since_move(timeline: Sequence[Line]) -> Iterator[Line]:
    """A refusal is no move: who asks in vain could ask for ever."""
    return takewhile(
        lambda told: not told.what.startswith("case.") or told.what == "case.refused",
        reversed(timeline),
    )
