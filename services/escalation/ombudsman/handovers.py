"""A case goes to the Ombudsman: H or S passed, the reporter consents, and it is not over."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.escalation import models
from services.escalation.domain import What, must_hand_over, offer_reason
from services.escalation.events import rfc3339
from services.escalation.models import CaseState, ClockRun
from services.escalation.ombudsman import dossier, dossiers, feed
from services.escalation.rules.regime import Regime
from services.escalation.watch import clocks
from services.escalation.watch.clockwork import OVER


def arrange(tx: Session, case: CaseState, due_at: datetime) -> None:
    """Makes the hand-over due (at the moment that gave the right to it) if all conditions hold."""
    consent = tx.get(models.Consent, case.number)
    passed = [run for run in clocks.open_runs(case) if run.passed_at is not None]
    wanted = must_hand_over(
        [run.clock for run in passed],
        consented=consent is not None,
        over=case.status in OVER,
    )
    if not wanted or case.handed_over_at is not None or _is_arranged(tx, case):
        return
    cause = next(run for run in passed if offer_reason(run.clock))
    cause.wakes.append(models.Due(number=case.number, what=What.HANDOVER, due_at=due_at))
    tx.flush()


def hand_over(tx: Session, case: CaseState, regime: Regime, now: datetime) -> None:
    """Puts the case on the feed, once. Also when the law's time for it is over: that is for the
    Ombudsman to decide, and the dossier says so."""
    consent = tx.get(models.Consent, case.number)
    if consent is None or case.handed_over_at is not None:
        return
    case.handed_over_at = now
    made = dossiers.assemble(tx, case, consent, regime, now)
    data = _about(case, consent, regime)
    data["dossier"] = {
        "version": made.version,
        "sha256": made.sha256,
        "href": dossier.href(case.number),
    }
    feed.write(tx, "handovers", feed.HANDED_OVER, case.number, data, now)


def _is_arranged(tx: Session, case: CaseState) -> bool:
    found = sa.select(models.Due.id).where(
        models.Due.number == case.number,
        models.Due.what == What.HANDOVER,
        models.Due.fired_at.is_(None),
    )
    return tx.scalars(found).first() is not None


def _about(case: CaseState, consent: models.Consent, regime: Regime) -> dict[str, Any]:
    """The case as the clocks know it: what was promised, what was kept, and why it ended when.
    Who the reporter is does not stand here and never will: it would be hashed into the chain."""
    return {
        "kind": case.kind,
        "class": case.klass,
        "category": case.category,
        "agency": case.agency,
        "status": case.status,
        "received_at": rfc3339(case.received_at),
        "consented_at": rfc3339(consent.at),
        "clocks": [_clock(run, regime) for run in case.clocks],
    }


def _clock(run: ClockRun, regime: Regime) -> dict[str, Any]:
    return {
        "clock": run.clock,
        "cycle": run.cycle,
        "started_at": rfc3339(run.started_at),
        "due_at": rfc3339(run.due_at),
        "passed_at": rfc3339(run.passed_at),
        "stopped_at": rfc3339(run.stopped_at),
        "pauses": [[rfc3339(p.started_at), rfc3339(p.ended_at)] for p in run.pauses],
        "skipped": _skipped(run, regime) if run.passed_at else [],
    }


def _skipped(run: ClockRun, regime: Regime) -> list[dict[str, str]] | None:
    """The days that did not count, with the reason of each; weekends explain themselves. None where
    they can no longer be told."""
    days = clocks.measured(run, regime).days
    if days is None:
        return None
    return [
        {"on": day.on.isoformat(), "reason": day.reason, "basis": day.basis}
        for day in days
        if day.reason and day.reason != "weekend"
    ]
