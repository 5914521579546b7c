"""What routing starts with: agencies, districts, categories, rules, limits, and an account for
every desk and agency. Run again, it adds what is missing and changes nothing that is there.

Prints `officer <username> <password>` for each account that it made: that password is shown here
once, and must be changed at the first sign-in.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.clock import Clock
from chassis.config import Settings
from chassis.database import Transactions
from services.routing import passwords
from services.routing.life import Class, Role
from services.routing.models import (
    Acknowledgement,
    Agency,
    AgencyKind,
    Category,
    Deed,
    District,
    Limit,
    Officer,
    OfficerEvent,
    Rule,
)

FILES = {
    Agency: "agencies",
    District: "districts",
    Category: "categories",
    Acknowledgement: "acknowledgements",
    Limit: "limits",
}
FROM = date(2018, 1, 1)
BASIS = "starting proposal; to be decided by the regency"
DESKS = {
    "koordinator": ("diskominfo", Role.COORDINATOR),
    "arbiter": ("setda", Role.ARBITER),
    "inspektorat": ("inspektorat", Role.SUPERVISOR),
    "admin": (None, Role.ADMINISTRATOR),
}
VILLAGE_SERVICE = "pelayanan-kecamatan"  # the category that a district's own office answers


def run(settings: Settings, db: Transactions) -> None:
    """Fills the database and prints the new accounts, after they are committed."""
    lists(db, settings.data_dir)
    with db.begin() as tx:
        missing = _missing(tx)
    made = {username: passwords.first() for username in missing}
    with ThreadPoolExecutor(2) as threads:  # argon2 computes outside the interpreter's lock
        hashes = dict(zip(made, threads.map(passwords.hashed, made.values()), strict=True))
    with db.begin() as tx:  # after the slow part: a transaction must not stand idle
        _officers(tx, missing, hashes, Clock(settings.clock_file))
    for username, password in made.items():
        print(f"officer {username} {password}", flush=True)


def lists(db: Transactions, folder: Path) -> None:
    """Everything but the accounts, from the files in `folder`."""
    with db.begin() as tx:
        for model, file in FILES.items():
            read = _agencies(folder) if model is Agency else _rows(folder / f"{file}.csv")
            _add(tx, model, read)
        _add(tx, Rule, _rules(folder))


def _agencies(folder: Path) -> Iterator[dict[str, Any]]:
    """Raises ValueError for one of a kind that the documents do not name."""
    yield from (row | {"kind": AgencyKind(row["kind"])} for row in _rows(folder / "agencies.csv"))


def _add(tx: Session, model: Any, rows: Iterable[dict[str, Any]]) -> None:
    for row in rows:
        tx.execute(insert(model).values(**row).on_conflict_do_nothing())


def _rows(file: Path) -> Iterator[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as opened:
        yield from csv.DictReader(opened)


def _rules(folder: Path) -> Iterator[dict[str, Any]]:
    """Supervisory complaints to the inspectorate, a district's service to its own office, and
    everything else by its category."""
    always = {"effective_from": FROM, "basis": BASIS}
    yield {"position": 100, "class_": Class.SUPERVISORY, "agency": "inspektorat"} | always
    offices = {a["name"].removeprefix("Kantor Camat "): a for a in _rows(folder / "agencies.csv")}
    for district in _rows(folder / "districts.csv"):
        if office := offices.get(district["name"]):
            yield {
                "position": 200,
                "category": VILLAGE_SERVICE,
                "district": district["code"],
                "agency": office["code"],
            } | always
    for category in _rows(folder / "categories.csv"):
        agency = category["default_agency"]
        yield {"position": 300, "category": category["code"], "agency": agency} | always


def _missing(tx: Session) -> dict[str, tuple[str | None, Role]]:
    """Agency and role of each account that is not there yet."""
    handlers = tx.scalars(sa.select(Agency.code).where(Agency.role == "handler"))
    wanted = DESKS | {code: (code, Role.LIAISON) for code in handlers}
    there = set(tx.scalars(sa.select(Officer.username)))
    return {name: place for name, place in wanted.items() if name not in there}


def _officers(
    tx: Session,
    missing: Mapping[str, tuple[str | None, Role]],
    hashes: Mapping[str, str],
    clock: Clock,
) -> None:
    """Makes these accounts."""
    now = clock.now()
    for username, password_hash in hashes.items():
        agency, role = missing[username]
        officer = Officer(
            id=uuid4(),
            username=username,
            agency=agency,
            role=role,
            password_hash=password_hash,
            must_change_password=True,
            created_at=now,
        )
        tx.add(officer)
        tx.flush()
        tx.add(OfficerEvent(officer_id=officer.id, deed=Deed.CREATED, at=now))
