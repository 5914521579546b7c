"""What was sealed for the Ombudsman: kept until nobody is to read it any more, and then erased.

Nothing comes to a case that was handed over (its dossier is of that moment) or withdrawn, nor from
before its consent was taken back. The Ombudsman is told of what was erased, but for what was
withdrawn before any hand-over; and that the consent to a hand-over ended, also if nothing was
sealed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.errors import NotAllowed, NotFound
from chassis.logs import log
from chassis.together import held
from chassis.together import keep as keep_row
from services.escalation import models
from services.escalation.events import rfc3339
from services.escalation.models import CaseState, ConsentEnd, Dossier, FeedEpoch, SealedPart
from services.escalation.ombudsman import dossier, feed, happened
from services.escalation.watch.clockwork import OVER

CONSENT, IDENTITY, REPORT = "consent", "identity", "report"
# Why a part was erased, as the Ombudsman is told.
WHY = WITHDRAWN, OPERATOR, AGE = "withdrawn", "operator", "age"


def takes(tx: Session, number: str, case: CaseState | None, about: str, at: datetime) -> bool:
    """Whether the dossier of a case, which may be unknown yet, still takes something of that
    moment. What comes after the hand-over is logged; its reporter hears of it from intake, which is
    told what went along. Who has withdrawn wants nothing kept; nor from before a consent was taken
    back: it may have waited here while intake was restored and began a new epoch, and then comes
    last."""
    end = held(tx, ConsentEnd, number)
    if end is not None and at < end.at:
        log.warning("came_after_withdrawal", about=about)
        return False
    if case is None:
        return True
    if case.status == "withdrawn":
        return False
    if case.handed_over_at is not None:
        log.warning("came_after_handover", about=about)
        return False
    return True


def keep(
    tx: Session, number: str, case: CaseState | None, part: str, data: Mapping[str, Any]
) -> None:
    """Keeps a part. An identity takes the place of an earlier one; a report begins a new set of
    words, in place of all that were sealed before. Nothing is kept that no dossier takes."""
    if not takes(tx, number, case, part, data["at"]):
        return
    mine = sa.delete(SealedPart).where(SealedPart.number == number)
    if part == IDENTITY:
        tx.execute(mine.where(SealedPart.part == IDENTITY))
    elif part == REPORT:
        tx.execute(mine.where(SealedPart.part != IDENTITY))
    tx.add(
        SealedPart(
            number=number,
            part=part,
            written_at=data.get("written_at", data["at"]),
            sealed_at=data["at"],
            key_id=data["key_id"],
            sha256=data["sha256"],
            sealed=data["sealed"],
        )
    )


def of(tx: Session, number: str) -> list[SealedPart]:
    """The parts of a case: who it is first, then what was written, as it was written."""
    found = sa.select(SealedPart).where(SealedPart.number == number)
    later = SealedPart.part != IDENTITY
    return list(tx.scalars(found.order_by(later, SealedPart.written_at, SealedPart.id)))


def end_consent(
    tx: Session, number: str, case: CaseState | None, at: datetime, now: datetime
) -> None:
    """Withdraws what is sealed and the consent, if there is one, as the reporter wished at `at`.
    What was given after that stays: the wish may have waited here while intake was restored and
    began a new epoch, and then comes last."""
    end = held(tx, ConsentEnd, number)
    if end is None:
        keep_row(tx, number, ConsentEnd(number=number, at=at))
    else:
        end.at = max(end.at, at)
    consent = held(tx, models.Consent, number)
    given_again = consent is not None and consent.at > at
    if given_again or _began_again(tx, number, at):
        _erase(tx, number, case, WITHDRAWN, now, at + timedelta.resolution)
    else:
        _erase(tx, number, case, WITHDRAWN, now)
    if not given_again:
        _end(tx, number, at, now)


def _began_again(tx: Session, number: str, at: datetime) -> bool:
    """Whether a new set of words is kept from after that moment: they come before their consent."""
    found = sa.select(SealedPart.id).where(
        SealedPart.number == number, SealedPart.part == REPORT, SealedPart.sealed_at > at
    )
    return tx.scalars(found.limit(1)).first() is not None


def withdraw(tx: Session, number: str, case: CaseState | None, at: datetime, now: datetime) -> None:
    """Removes what is sealed of a case, for good, and the consent with it: its reporter withdrew it
    at `at`."""
    _erase(tx, number, case, WITHDRAWN, now)
    _end(tx, number, at, now)


def _end(tx: Session, number: str, at: datetime, now: datetime) -> None:
    """Forgets the consent. The Ombudsman is told once if the case was handed over by it."""
    handed_over = sa.update(Dossier).where(
        Dossier.number == number, Dossier.consent_ended_at.is_(None)
    )
    if tx.execute(handed_over.values(consent_ended_at=at).returning(Dossier.number)).first():
        feed.write(tx, "handovers", feed.CONSENT_ENDED, number, {"at": rfc3339(at)}, now)
    tx.execute(sa.delete(models.Consent).where(models.Consent.number == number))
    tx.info["held"].pop((models.Consent, number), None)  # a new one may come in the same batch


def erase_one(
    tx: Session, number: str, now: datetime, before: datetime | None = None, why: str = OPERATOR
) -> int:
    """Removes what is sealed of a case, for good, as an operator asks for it: all of it, or what
    was sealed before a moment; returns how many parts. The facts of a dossier stay, and so does its
    proof in the feed. The consent stays: a case that comes back is handed over by it, without those
    parts. Raises NotFound for a case that is not known. Of one that goes on only what was sealed
    before the last restore is removed, for that may bring back what was: NotAllowed for all of it,
    and if there was none. Its reporter withdraws it for that."""
    case = tx.get(CaseState, number, with_for_update=True)
    if case is None:
        raise NotFound("there is no such case")
    if case.status not in OVER and case.handed_over_at is None:
        restored = tx.scalar(sa.select(sa.func.max(FeedEpoch.opened_at)))
        if before is None or restored is None:
            raise NotAllowed(
                "this case goes on: it is erased when its reporter withdraws the consent"
            )
        before = min(before, restored)
    return _erase(tx, number, case, why, now, before)


def _erase(
    tx: Session,
    number: str,
    case: CaseState | None,
    why: str,
    now: datetime,
    before: datetime | None = None,
) -> int:
    mine = sa.delete(SealedPart).where(SealedPart.number == number)
    these = mine if before is None else mine.where(SealedPart.sealed_at < before)
    gone = sorted(tx.execute(these.returning(SealedPart.id, SealedPart.part, SealedPart.sha256)))
    if gone:
        marked = sa.update(Dossier).where(Dossier.number == number, Dossier.erased_at.is_(None))
        tx.execute(marked.values(erased_at=now))
        handed_over = case is not None and case.handed_over_at is not None
        erased = [{"part": part, "sha256": sha256} for _, part, sha256 in gone]
        _tell(tx, number, erased, why, now, at_once=handed_over)
    return len(gone)


def _tell(
    tx: Session,
    number: str,
    erased: list[dict[str, str]],
    why: str,
    now: datetime,
    *,
    at_once: bool,
) -> None:
    """Lets the Ombudsman know: at once of a case that was handed over, of any other with its
    dossier, if there ever is one. Of who withdrew before that there is nothing to tell."""
    if at_once:
        feed.write(tx, "handovers", feed.ERASED, number, {"parts": erased, "why": why}, now)
    elif why != WITHDRAWN:
        for one in erased:
            happened.note(tx, number, dossier.ERASED, one | {"why": why}, now)


def forgettable(tx: Session, before: datetime) -> list[str]:
    """The cases that are over or handed over and have a part that was sealed before that moment."""
    done = sa.or_(CaseState.status.in_(OVER), CaseState.handed_over_at.is_not(None))
    found = (
        sa.select(SealedPart.number)
        .join(CaseState, CaseState.number == SealedPart.number)
        .where(SealedPart.sealed_at < before, done)
    )
    return sorted(tx.scalars(found.distinct()))
