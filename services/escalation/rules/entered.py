"""What administrators made of the nation's days, as the amendments tell it."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.escalation.models import Amendment


class Decreed(NamedTuple):
    """A day as it was entered last; `off` false: it was taken back."""

    off: bool
    kind: str = ""
    name: str = ""
    basis: str = ""


def standing(tx: Session) -> dict[date, Decreed]:
    """Every day that was ever entered, by the amendments."""
    found: dict[date, Decreed] = {}
    entered = sa.select(Amendment).where(Amendment.what == "nation").order_by(Amendment.id)
    for one in tx.scalars(entered):
        told, basis = one.detail, one.decree
        if told["joint"]:
            for day, known in found.items():
                if day.year == told["year"] and known.off and known.basis == told["replaces"]:
                    found[day] = known._replace(basis=basis)
        for day in told["taken_back"]:
            found[date.fromisoformat(day)] = Decreed(off=False)
        for row in told["days"]:
            day = date.fromisoformat(row["day"])
            found[day] = Decreed(True, row["kind"], row["name"], basis)
    return found
