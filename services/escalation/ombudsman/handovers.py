"""A case goes to the Ombudsman: H or S passed, the reporter consents, and it is not over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.together import held, keep
from services.escalation import models
from services.escalation.domain import What, must_hand_over, offer_reason
from services.escalation.events import rfc3339
from services.escalation.models import CaseState, ClockRun
from services.escalation.ombudsman import dossier, dossiers, feed, handling, happened
from services.escalation.rules.regime import Regime
from services.escalation.watch import clocks, counting
from services.escalation.watch.clockwork import OVER
from services.escalation.watch.workdays import Verdict


def arrange(tx: Session, case: CaseState, due_at: datetime, now: datetime) -> None:
    """Makes the hand-over due (at the moment that gave the right to it, and at once if that lies
    ahead by our clock) if all conditions hold: to be asked whenever one of them may have come true.
    """
    consent = consent_to(tx, case)
    cause = _cause(case, consent)
    if cause is None or _is_arranged(tx, case) or _is_settled(tx, consent):
        return
    wake = next((wake for wake in cause.wakes if wake.what == What.HANDOVER), None)
    if wake is None:
        wake = models.Due(number=case.number, what=What.HANDOVER)
        cause.wakes.append(wake)
    wake.due_at, wake.armed_at, wake.fired_at = min(due_at, now), now, None


def hand_over(tx: Session, case: CaseState, regime: Regime, now: datetime) -> None:
    """Puts the case on the feed, once; not if since it was arranged its limit was moved. Also when
    the law's time for it is over: that is for the Ombudsman to decide, and the dossier says so."""
    consent = consent_to(tx, case)
    if consent is None or _cause(case, consent) is None or _is_settled(tx, consent):
        return
    case.handed_over_at = now
    made = dossiers.assemble(tx, case, consent, regime, now)
    data = _about(case, consent, regime)
    data["handling_clocks"] = handling.in_the_feed(tx, case, regime, _skipped)
    data["dossier"] = {
        "version": made.version,
        "sha256": made.sha256,
        "href": dossier.href(case.number),
    }
    feed.write(tx, "handovers", feed.HANDED_OVER, case.number, data, now)


def keep_consent(tx: Session, number: str, data: Mapping[str, Any]) -> None:
    """Remembers that the reporter consents, to a case that may be unknown yet; the latest holds."""
    consent = held(tx, models.Consent, number)
    if consent is None:
        consent = models.Consent(number=number)
        keep(tx, number, consent)
    for name in ("at", "admissible_until", "admissible_month"):
        setattr(consent, name, data[name])


def consent_to(tx: Session, case: CaseState) -> models.Consent | None:
    """The reporter's consent to the hand-over of a case."""
    return held(tx, models.Consent, case.number)


def _cause(case: CaseState, consent: models.Consent | None) -> ClockRun | None:
    """The limit whose passing sends the case to the Ombudsman; None while it must not go there, or
    has gone."""
    if consent is None or case.handed_over_at is not None:
        return None
    passed = [run for run in clocks.open_runs(case) if run.passed_at is not None]
    over = case.status in OVER
    if not must_hand_over([run.clock for run in passed], consented=True, over=over):
        return None
    return next(run for run in passed if offer_reason(run.clock))


def _is_settled(tx: Session, consent: models.Consent | None) -> bool:
    """Whether the reporter was content after they had consented: what goes on for others brings
    nobody's name to the Ombudsman."""
    since = consent and happened.content_since(tx, consent.number)
    return bool(consent and since and consent.at <= since)


def _is_arranged(tx: Session, case: CaseState) -> bool:
    found = sa.select(models.Due.id).where(
        models.Due.number == case.number,
        models.Due.what == What.HANDOVER,
        models.Due.fired_at.is_(None),
    )
    return tx.scalars(found).first() is not None


def _about(case: CaseState, consent: models.Consent, regime: Regime) -> dict[str, Any]:
    """The case as the clocks know it: what was promised, what was kept, and why it ended when. The
    clocks of the case that it follows stand beside that, by the day.
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
    days = counting.measured(run, regime).days
    if days is None:
        return None
    return [
        {"on": day.on.isoformat(), "reason": day.reason, "basis": day.basis}
        for day in days
        if day.verdict is not Verdict.COUNTED and day.reason and day.reason != "weekend"
    ]
