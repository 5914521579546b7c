"""Intake's processes on a database of their own."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import pytest

from chassis.clock import Clock
from chassis.database import Transactions, engine
from deploy.local.environment import Surroundings
from services.intake import seed
from services.intake.config import Settings
from services.intake.envelopes import Envelopes
from services.intake.service import Intake
from tests.harness.databases import Database, Databases
from tests.harness.processes import ServiceProcess

REPORT: dict[str, Any] = {
    "kind": "complaint",
    "title": "Jalan rusak di depan pasar",
    "text": "Sudah tiga bulan jalan di depan pasar berlubang dan belum diperbaiki.",
    "event_date": "2026-11-20",
    "place": {"district": "63.02.06", "detail": "depan Pasar Kemakmuran"},
    "agency": "dpupr",
    "category": "jalan-jembatan",
    "confidentiality": "confidential",
    "contact": {"name": "Siti Rahmah", "email": "siti@warga.example", "language": "id"},
}


@pytest.fixture(scope="module")
def kept_db(databases: Databases) -> Iterator[Database]:
    """A database with the regency's lists in it, for all tests of a module."""
    made = databases.fresh("intake")
    bind = engine(made.url, 1)
    told = SimpleNamespace(data_dir=Settings.data_dir, receipt_key=b"", tracking_pepper=b"p")
    seed.run(told, Transactions(bind))
    bind.dispose()
    yield made
    databases.drop(made)


@pytest.fixture(scope="module")
def kept_api(
    kept_db: Database, surroundings: Surroundings, state: Path
) -> Iterator[ServiceProcess]:
    """A running intake, for all tests of a module."""
    process = ServiceProcess("api", kept_db, surroundings, state)
    yield process.start()
    process.stop()


@pytest.fixture
def intake_db(kept_db: Database) -> Database:
    """The database, without any report."""
    emptied = "report, timeline_entry, reply, deadline, outbox, stream, inbox, position"
    kept_db.psql(f"TRUNCATE {emptied}, idempotency, promise")
    return kept_db


@pytest.fixture
def api(intake_db: Database, kept_api: ServiceProcess) -> Iterator[httpx.Client]:
    """A client of a running intake."""
    with httpx.Client(base_url=kept_api.url, timeout=10) as client:
        yield client


@pytest.fixture
def receipt(api: httpx.Client) -> dict[str, str]:
    """A report that was sent."""
    return dict(api.post("/v1/reports", json=REPORT, headers=key()).json())


@pytest.fixture
def worker(intake_db: Database, secrets_folder: Path) -> Iterator[Intake]:
    """Intake's own code for what it hears, without a broker."""
    bind = engine(intake_db.url, 2)
    service = Intake()
    service.db, service.clock = Transactions(bind), Clock()
    keys = (secrets_folder / "ombudsman-public-keys.json").read_bytes()
    service.envelopes = Envelopes(keys)
    yield service
    bind.dispose()


def key() -> dict[str, str]:
    """A fresh Idempotency-Key header."""
    return {"Idempotency-Key": str(uuid4())}
