"""Fills the lists that a report may choose from, out of the regency's files; may run again."""

from __future__ import annotations

import csv
from typing import Any

from sqlalchemy.dialects.postgresql import insert

from chassis.database import Transactions
from services.intake.models import Code

FILES = {"district": "districts.csv", "agency": "agencies.csv", "category": "categories.csv"}


def run(settings: Any, db: Transactions) -> None:
    """Adds what is missing and renames what was renamed; removes nothing."""
    with db.begin() as tx:
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
