"""What an installation starts with, and that starting twice changes nothing."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from chassis import tables
from deploy.local.environment import ROOT
from services.routing import seed as seeding
from services.routing.models import Base
from tests.harness.programs import run_command


@pytest.fixture
def seed(database, surroundings):
    made = database("routing")

    def run() -> tuple[object, list[str]]:
        told = surroundings.environment("routing", DATABASE_URL=made.url)
        done = run_command("routing", "seed", env=told)
        done.check_returncode()
        return made, done.stdout.splitlines()

    return run


def test_the_models_are_what_the_migrations_make(database):
    engine = sa.create_engine(database("routing").url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"include_name": lambda name, kind, _: kind != "table" or name not in CHASSIS},
        )
        differences = compare_metadata(context, Base.metadata)
    engine.dispose()
    assert differences == []


CHASSIS = tables.NAMES | {"alembic_version"}


def test_seeding_prints_each_account_once_and_only_then(seed):
    database, lines = seed()
    _, again = seed()

    accounts = [line.split() for line in lines]
    assert {word for word, _, _ in accounts} == {"officer"}
    assert len({password for _, _, password in accounts}) == len(accounts) == 53 - 3 + 4
    assert {"koordinator", "arbiter", "inspektorat", "admin", "dpupr"} <= {
        u for _, u, _ in accounts
    }
    assert again == []
    [(hashes, must_change)] = database.psql(
        "SELECT count(*) FILTER (WHERE password_hash LIKE '$argon2id$%'), bool_and("
        "must_change_password) FROM officer"
    )
    assert (hashes, must_change) == (len(accounts), True)


def test_the_lists_know_every_place_agency_and_category(office):
    [counts] = office.database.psql(
        "SELECT (SELECT count(*) FROM district), (SELECT count(*) FROM agency),"
        " (SELECT count(*) FROM category), (SELECT count(*) FROM routing_rule WHERE position = 200)"
    )
    assert counts == (22, 53, 38, 22)


def test_an_agency_of_a_kind_that_no_document_names_is_not_seeded(office, tmp_path):
    data = ROOT / "data" / "kotabaru"
    for file in data.glob("*.csv"):
        text = file.read_text()
        (tmp_path / file.name).write_text(text.replace(",bumd,", ",koperasi,"))

    with pytest.raises(ValueError, match="koperasi"):
        seeding.lists(office.db, tmp_path)
    seeding.lists(office.db, data)  # the negative control
