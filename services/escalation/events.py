"""What escalation says: limits that start, move, come near and pass, and who hears of it.

Numbers, letters, codes and dates only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from chassis.events import Fact
from chassis.events import rfc3339 as spelled
from services.escalation.models import CaseState, ClockChange, ClockRun, Dossier, HandoverAnswer
from services.escalation.rules.posts import Reached
from services.escalation.rules.promises import Promise


def rfc3339(moment: datetime | None) -> str | None:
    """A moment, if there is one, as events and the feed spell it."""
    return None if moment is None else spelled(moment)


def started(clock: ClockRun, ends_on: date, at: datetime) -> Fact:
    """A clock runs and its end is known; `ends_on`, here and below: the local day of that end."""
    data = {"started_at": rfc3339(clock.started_at), "due_at": rfc3339(clock.due_at)}
    data |= {"ends_on": ends_on.isoformat()}
    return Fact("deadline.started.v1", clock.number, _which(clock) | data, at)


def approaching(
    clock: ClockRun, ends_on: date, case: CaseState, reached: Reached | None, at: datetime
) -> Fact:
    """A limit ends soon, and who of the government is reminded of theirs."""
    who = {"to": reached and reached.to, "because": reached and reached.because}
    data = _limit(clock, ends_on, at) | who | {"agency": case.agency}
    return Fact("deadline.approaching.v1", clock.number, data, at)


def passed(clock: ClockRun, ends_on: date, at: datetime) -> Fact:
    """A limit has ended."""
    return Fact("deadline.passed.v1", clock.number, _limit(clock, ends_on, at), at)


def kept(clock: ClockRun, ends_on: date, at: datetime) -> Fact:
    """A limit that was said to have ended had been kept: the news of it came late."""
    return Fact("deadline.kept.v1", clock.number, _limit(clock, ends_on, at), at)


def recomputed(change: ClockChange, ends_on: date | None) -> Fact:
    """A limit moved, from `before` to `after`; null for one that is paused."""
    data = {"before": rfc3339(change.before), "after": rfc3339(change.after)}
    data |= {"ends_on": ends_on and ends_on.isoformat()}
    data |= {"reason": change.reason, "at": rfc3339(change.at)}
    clock = change.clock
    return Fact("deadline.recomputed.v1", clock.number, _which(clock) | data, change.at)


def raised(
    clock: ClockRun,
    ends_on: date,
    agency: str | None,
    level: int,
    reached: Reached,
    at: datetime,
) -> Fact:
    """A limit that `agency` had to keep passed, and was brought to somebody higher."""
    data = {"level": level, "to": reached.to, "because": reached.because, "agency": agency}
    return Fact("escalation.raised.v1", clock.number, _limit(clock, ends_on, at) | data, at)


def offered(case: CaseState, reason: str, at: datetime) -> Fact:
    """The reporter may have the Ombudsman take over."""
    data = {"reason": reason, "at": rfc3339(at)}
    return Fact("escalation.offered.v1", case.number, data, at)


def offer_taken_back(case: CaseState, at: datetime) -> Fact:
    """No limit gives the right that was offered: it had not passed, or the case ended."""
    data = {"offered_at": rfc3339(case.offered_at), "at": rfc3339(at)}
    return Fact("escalation.offer_taken_back.v1", case.number, data, at)


def handed_over(made: Dossier, position: int, at: datetime) -> Fact:
    """The case stands on the Ombudsman's feed; with what, its dossier says: who gave more since
    does not find it there."""
    consent, parts = made.content["consent"], made.content["parts"]
    data = {
        "position": position,
        "at": rfc3339(at),
        "consented_at": consent["at"],
        "with_form": consent["with_identity"],
        "words": sum(part["part"] in ("report", "addition") for part in parts) or None,
    }
    return Fact("escalation.handed_over.v1", made.number, data, at)


def answered(row: HandoverAnswer, *, spoken: bool) -> Fact:
    """The Ombudsman answered to a case that was handed over; `spoken`: words come with it."""
    data = {
        "answer_id": str(row.answer_id),
        "answer": row.answer,
        "reason": row.reason,
        "reference": row.reference,
        "spoken": spoken,
        "decided_at": rfc3339(row.decided_at),
        "at": rfc3339(row.at),
    }
    return Fact("escalation.answered.v1", row.number, data, row.at)


def words_written(row: HandoverAnswer, words: str) -> Fact:
    """The Ombudsman's words that ask something of the regency, apart from their fact."""
    return Fact("escalation.words_written.v1", row.number, _written(row, words), row.at)


def remark_written(row: HandoverAnswer, words: str) -> Fact:
    """The Ombudsman's other words, which routing may not hear: they may speak of the reporter."""
    return Fact("escalation.remark_written.v1", row.number, _written(row, words), row.at)


def _written(row: HandoverAnswer, words: str) -> dict[str, str]:
    told = {"answer_id": str(row.answer_id), "answer": row.answer, "text": words}
    return told | {"at": rfc3339(row.at)}


def published(promises: Sequence[Promise], at: datetime) -> Fact:
    """What may be promised for each of the next days of receipt."""
    days = [
        {
            "received_on": p.received_on.isoformat(),
            "verify_by": p.verify_by.isoformat(),
            "follow_up_by": p.follow_up_by.isoformat(),
            "settle_by": {kind: day.isoformat() for kind, day in p.settle_by.items()},
        }
        for p in promises
    ]
    return Fact("calendar.published.v1", "promises", {"days": days}, at)


def _which(clock: ClockRun) -> dict[str, Any]:
    return {"clock": clock.clock, "cycle": clock.cycle}


def _limit(clock: ClockRun, ends_on: date, at: datetime) -> dict[str, Any]:
    ends = {"due_at": rfc3339(clock.due_at), "ends_on": ends_on.isoformat()}
    return _which(clock) | ends | {"at": rfc3339(at)}
