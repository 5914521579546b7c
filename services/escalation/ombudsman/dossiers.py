"""Assembles a dossier when its case is handed over, in the same transaction as the feed's entry."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy.orm import Session

from services.escalation import models
from services.escalation.events import rfc3339
from services.escalation.models import CaseState, ClockRun
from services.escalation.ombudsman import dossier, handling, happened, parts
from services.escalation.rules.regime import Regime
from services.escalation.watch import counting


def assemble(
    tx: Session, case: CaseState, consent: models.Consent, regime: Regime, now: datetime
) -> models.Dossier:
    """The dossier of a case as it stands now, kept for the Ombudsman to read."""
    lines = [
        dossier.Happened(_moment(event.at), event.what, event.detail)
        for event in happened.of(tx, case.number)
    ]
    sealed = [
        dossier.Part(part.part, _moment(part.written_at), part.key_id, part.sha256)
        for part in parts.of(tx, case.number)
    ]
    content = dossier.content(
        case.number,
        _moment(now),
        _case(case),
        _consent(consent, regime.calendar.day_of(now)),
        lines,
        [_clock(run, regime) for run in case.clocks],
        sealed,
        handling.told(tx, case, regime),
    )
    made = models.Dossier(
        number=case.number,
        version=dossier.VERSION,
        content=content,
        sha256=dossier.sha256(content),
        assembled_at=now,
    )
    tx.add(made)
    return made


def _case(case: CaseState) -> dict[str, Any]:
    return {
        "kind": case.kind,
        "class": case.klass,
        "category": case.category,
        "agency": case.agency,
        "status": case.status,
        "cycle": case.cycle,
        "received_at": _moment(case.received_at),
    }


def _consent(consent: models.Consent, today: date) -> dict[str, Any]:
    """Whether it is still time is for the Ombudsman to decide. The last day for it is told by its
    month alone, for it tells the day of the event."""
    until = consent.admissible_until
    month = f"{until:%Y-%m}" if until else consent.admissible_month
    return {
        "at": _moment(consent.at),
        "admissible_month": month,
        "handed_over_in_time": today <= until if until else _in_time(f"{today:%Y-%m}", month),
    }


def _in_time(now: str, month: str | None) -> bool | None:
    """Whether a month is early enough; in the last one nobody here can tell."""
    return None if month is None or now == month else now < month


def _clock(run: ClockRun, regime: Regime) -> dict[str, Any]:
    """A clock by what it was last measured by; each day if it passed, null where they can no longer
    be told."""
    found = counting.measured(run, regime)
    rule = found.rule
    return {
        "clock": run.clock,
        "cycle": run.cycle,
        "started_at": _moment(run.started_at),
        "due_at": _optional(run.due_at),
        "passed_at": _optional(run.passed_at),
        "stopped_at": _optional(run.stopped_at),
        "limit": rule
        and {"days": rule.limit.days, "unit": str(rule.limit.unit), "decree": rule.decree},
        "pauses": [
            {
                "started_at": _moment(p.started_at),
                "ended_at": _optional(p.ended_at),
                "because": p.because,
            }
            for p in run.pauses
        ],
        "days": dossier.explained(found.days) if run.passed_at else [],
    }


def _moment(at: datetime) -> str:
    return str(rfc3339(at.astimezone(UTC)))


def _optional(at: datetime | None) -> str | None:
    return None if at is None else _moment(at)
