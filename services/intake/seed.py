"""Fills the lists that a report may choose from, out of the regency's files, and shows the key that
receipts are signed with; may run again. Refuses another pepper than before."""

from __future__ import annotations

import csv
import hmac
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.clock import Clock
from chassis.config import Misconfigured
from chassis.database import Transactions
from services.intake.models import AdmissionRule, Code, Pepper
from services.intake.receipts import Signer

RULES = "ombudsman.csv"
FILES = {"district": "districts.csv", "agency": "agencies.csv", "category": "categories.csv"}


def run(settings: Any, db: Transactions) -> None:
    """Adds what is missing and renames what was renamed; removes nothing. Shows the key that
    receipts are signed with, if it is told it. Raises Misconfigured for another pepper than codes
    were given out with."""
    with db.begin() as tx:
        proof = hmac.digest(settings.tracking_pepper, b"which pepper this is", "sha256")
        tx.execute(insert(Pepper).values(proof=proof).on_conflict_do_nothing())
        if tx.scalars(sa.select(Pepper.proof)).one() != proof:
            raise Misconfigured(
                "TRACKING_PEPPER is not the one with which this database's reporters got their"
                " codes: none of them would work. Bring that vault back (docs/runbook.md)"
            )
        tx.execute(insert(AdmissionRule).values(_rules(settings)).on_conflict_do_nothing())
        for name, file in FILES.items():
            with (settings.data_dir / file).open(encoding="utf-8", newline="") as lines:
                rows = [
                    {"list": name, "code": row["code"], "name": row["name"]}
                    for row in csv.DictReader(lines)
                ]
            statement = insert(Code).values(rows)
            tx.execute(
                statement.on_conflict_do_update(
                    index_elements=["list", "code"], set_={"name": statement.excluded.name}
                )
            )
        if settings.receipt_key:
            Signer(settings.receipt_key).show(tx, Clock(settings.clock_file).now())


def _rules(settings: Any) -> list[dict[str, Any]]:
    """The rules of a hand-over; those that are there already are people's to amend."""
    with (settings.data_dir / RULES).open(encoding="utf-8", newline="") as lines:
        return [
            row
            | {
                "years": int(row["years"]) if row["years"] else None,
                "effective_from": date.fromisoformat(row["effective_from"]),
            }
            for row in csv.DictReader(lines)
        ]
