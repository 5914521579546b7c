"""What a reporter gave for the Ombudsman when the dossier was made already: they are told so.

A case is handed over when its time is up, and intake hears of it later: seconds, or as long as the
feed stands still. What it takes meanwhile is in no dossier any more. Nobody can add it, so the
report says from then on what did go along, and its timeline what did not, and what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.outbox import emit
from services.intake import events
from services.intake.domain import CONSENT_ENDED, LEFT_BEHIND, Action, Status
from services.intake.envelopes import own_words
from services.intake.models import Report, TimelineEntry

CONSENTED, WITHDREW = f"reporter.{Action.CONSENT}", f"reporter.{Action.WITHDRAW}"
TAKES_BACK = (WITHDREW, f"reporter.{Action.WITHDRAW_CONSENT}")
WITHOUT_FORM = (
    "Laporan dilimpahkan tanpa formulir yang Anda kirim terakhir.",
    "The report was handed over without the form that you sent last.",
)
WITHOUT_WORDS = (
    "Tidak semua yang Anda tulis ikut dilimpahkan.",
    "Not all that you wrote went along.",
)
DIRECTLY = (
    "Identitas dan tambahan sampaikan langsung kepada Ombudsman.",
    "Tell the Ombudsman directly who you are, and what you wish to add.",
)
ENDED = (
    "Persetujuan Anda untuk pelimpahan ke Ombudsman ikut berakhir, apa pun keadaan laporan ini.",
    "Your consent to a hand-over to the Ombudsman ends with it, whatever becomes of the report.",
)
ENDED_ALONE = (
    "Persetujuan Anda untuk pelimpahan ke Ombudsman berakhir; laporan ini sendiri tidak berubah.",
    "Your consent to a hand-over to the Ombudsman has ended; the report itself stays as it is.",
)
WAS_GONE = (
    "Laporan ini sudah dilimpahkan: Ombudsman diberi tahu bahwa persetujuan Anda berakhir, dan"
    " apa pun yang disegel dihapus di sini; yang sudah diambil Ombudsman tidak dapat kami tarik"
    " kembali.",
    "The report had been handed over: the Ombudsman is told that your consent has ended, and"
    " anything that was sealed is erased here; what the Ombudsman has taken already we cannot take"
    " back.",
)
_NOTHING = {"consented_at": None, "with_form": False, "words": None}


def tell(tx: Session, report: Report, along: Mapping[str, Any], now: datetime) -> None:
    """Compares what was given with what went along, which escalation did not say formerly. A
    consent without the form that came too late is not told: it asked for what was done. With a
    consent that was taken back meanwhile nothing is there any more: what went along was erased."""
    if along["consented_at"] is None:
        return
    if taken_back(tx, report.number, along["consented_at"]):
        if report.consented_at == along["consented_at"]:
            # refused before 2026-11-30, when a withdrawal alone ended none
            now = later(tx, report.number, now)
            emit(tx, events.consent_withdrawn(report.number, now))
        tx.add(consent_ended(report.number, now, WAS_GONE))
        along = _NOTHING
    if report.status == Status.WITHDRAWN:
        return
    if report.consent_form:
        form = not along["with_form"] or _sent_since(tx, report.number, along["consented_at"])
        words = own_words(tx, report.number) - (along["words"] or 0)
        if form or words > 0:
            tx.add(_line(report.number, now, form=form, words=max(words, 0)))
    report.consented_at, report.consent_form = along["consented_at"], along["with_form"]


def _sent_since(tx: Session, number: str, at: datetime) -> bool:
    """Whether the reporter has sent the form with a consent that is later than this one."""
    found = sa.select(TimelineEntry.id).where(
        TimelineEntry.number == number,
        TimelineEntry.what == CONSENTED,
        TimelineEntry.at > at,
        TimelineEntry.detail["with_identity"].as_boolean(),
    )
    return tx.scalars(found.limit(1)).first() is not None


def taken_back(tx: Session, number: str, at: datetime) -> bool:
    """Whether the reporter has withdrawn since, the report or that consent alone: by the order in
    which it was noted; by the moment, if a restore has taken the consent from here."""
    mine = TimelineEntry.number == number
    consent = sa.select(sa.func.max(TimelineEntry.id)).where(
        mine, TimelineEntry.what == CONSENTED, TimelineEntry.at == at
    )
    noted = consent.scalar_subquery()
    since = sa.case((noted.is_(None), TimelineEntry.at > at), else_=TimelineEntry.id > noted)
    found = sa.select(TimelineEntry.id).where(mine, TimelineEntry.what.in_(TAKES_BACK), since)
    return tx.scalars(found.limit(1)).first() is not None


def later(tx: Session, number: str, now: datetime) -> datetime:
    """The moment of what is said of a consent now, under the report's lock: later than all that was
    said of one before, also if a clock was set back meanwhile. By it escalation tells what holds.
    """
    said = TimelineEntry.what.in_((CONSENTED, *TAKES_BACK, CONSENT_ENDED))
    newest = tx.scalar(
        sa.select(sa.func.max(TimelineEntry.at)).where(TimelineEntry.number == number, said)
    )
    return now if newest is None else max(now, newest + timedelta.resolution)


def consent_ended(number: str, now: datetime, said: tuple[str, str]) -> TimelineEntry:
    """Says in Indonesian and English that a consent has ended, and what that does."""
    indonesian, english = said
    detail = {"id": indonesian, "en": english}
    return TimelineEntry(number=number, at=now, what=CONSENT_ENDED, detail=detail, text=None)


def _line(number: str, now: datetime, *, form: bool, words: int) -> TimelineEntry:
    """Says in Indonesian (`id`) and English (`en`) what did not go along, as of this moment: what
    it is about stands above it."""
    said = [WITHOUT_FORM] * form + [WITHOUT_WORDS] * (words > 0) + [DIRECTLY]
    indonesian, english = (" ".join(sentences) for sentences in zip(*said, strict=True))
    detail = {"form": form, "words": words, "id": indonesian, "en": english}
    return TimelineEntry(number=number, at=now, what=LEFT_BEHIND, detail=detail, text=None)
