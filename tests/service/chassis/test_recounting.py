"""After a restore has taken reports away, what is counted is set right by what is stored and what
is known to be lost, while others go on writing."""

from __future__ import annotations

import json
from threading import Thread
from typing import Any

import sqlalchemy as sa

import contracts
from chassis.inbox import ANYBODY
from deploy.local.environment import Surroundings
from services.intake import recounting
from services.intake.recounting import Counted
from services.intake.service import Intake
from tests.harness.databases import Database
from tests.harness.publishing import event
from tests.service.chassis.stories import command, opened, report, timeline, way

GONE, HERE = "KTB-90000-00000", "KTB-12345-67894"
FAILED = next(iter(contracts.examples("message.failed.v1").values()))["data"]
RIGHT = [Counted("reports_accepted", 1, 1), Counted("cases_known", 0, 0)]


def hear(intake: Intake, *events: dict[str, Any]) -> list[str]:
    """What the inbox did with each."""
    return [intake.inbox.receive(json.dumps(one).encode(), ANYBODY) for one in events]


def recount(intake: Intake) -> list[Counted]:
    with intake.db.begin() as tx:
        return recounting.recount(tx)


def find_lost(intake: Intake) -> list[str]:
    with intake.db.begin() as tx:
        return recounting.find_lost(tx, intake.clock.now())


def tallied(db: Database) -> dict[str, int]:
    return dict(db.psql("SELECT * FROM tallied()"))


def test_a_count_that_is_out_is_set_right_whatever_is_written_meanwhile(
    db: Database, intake: Intake
) -> None:
    report(db)
    db.psql("INSERT INTO tally VALUES ('reports_accepted', 7), ('cases_known', -2)")
    with intake.db.begin() as other:
        other.execute(sa.text("DELETE FROM report"))

        assert recount(intake) == [
            Counted("reports_accepted", 8, 1), Counted("cases_known", -2, 0),
        ]  # fmt: skip

        assert recount(intake) == RIGHT
    assert tallied(db) == {"reports_accepted": 0, "cases_known": 0}


def test_who_recounts_beside_another_changes_nothing_a_second_time(
    db: Database, intake: Intake
) -> None:
    report(db)
    db.psql("INSERT INTO tally VALUES ('reports_accepted', 7)")
    heard: list[Counted] = []
    with intake.db.begin() as tx:
        recounting.recount(tx)
        second = Thread(target=lambda: heard.extend(recount(intake)))
        second.start()
        second.join(0.2)
        assert heard == []
    second.join(10)

    assert heard == RIGHT


def test_a_case_that_was_counted_twice_before_is_known_once(db: Database, intake: Intake) -> None:
    hear(intake, opened(report(db)))
    db.psql(
        "INSERT INTO timeline_entry (number, at, what, detail)"
        " VALUES (%s, now(), 'case.opened', '{}')",
        [HERE],
    )
    db.psql("INSERT INTO tally VALUES ('cases_known', 1)")

    assert recount(intake)[1] == Counted("cases_known", 2, 1)


def test_what_is_lost_is_named_once_and_counts_as_accepted_and_known(
    db: Database, intake: Intake, surroundings: Surroundings
) -> None:
    hear(intake, opened(report(db)))
    assert hear(intake, *way(GONE)[:2]) == ["waiting"] * 2

    told = command(db, surroundings, "recount")

    assert told.splitlines() == [
        f"lost: {GONE}", "reports_accepted: 2 (was 1)", "cases_known: 2 (was 1)",
    ]  # fmt: skip
    assert command(db, surroundings, "recount").splitlines() == [
        "reports_accepted: 2 (unchanged)", "cases_known: 2 (unchanged)",
    ]  # fmt: skip
    assert tallied(db) == {"reports_accepted": 2, "cases_known": 2}


def test_nothing_that_is_said_of_a_lost_report_waits_any_more(db: Database, intake: Intake) -> None:
    first, *more = way(GONE)
    assert hear(intake, first) == ["waiting"]
    assert find_lost(intake) == [GONE]

    db.psql("UPDATE inbox SET next_try_at = now() - interval '1 minute'")
    assert intake.inbox.retry_due()
    failed = event("message.failed.v1", GONE, 1, FAILED)

    assert hear(intake, *more, failed) == ["done"] * 4
    assert db.psql("SELECT 1 FROM inbox WHERE state <> 'done'") == []
    assert timeline(db) == []


def test_nothing_is_lost_that_is_here_or_that_only_another_service_speaks_of(
    db: Database, intake: Intake
) -> None:
    number = report(db)
    second = way(number)[1]
    assert hear(intake, second) == ["waiting"]  # for the first
    assert hear(intake, event("message.failed.v1", GONE, 1, FAILED)) == ["waiting"]

    assert find_lost(intake) == []


def test_what_breaks_its_contract_does_not_wait_for_a_report(db: Database, intake: Intake) -> None:
    """It could never be taken in, whatever comes."""
    wrong = way(GONE)[0] | {"data": {"status": "no moment"}}

    assert hear(intake, wrong) == ["parked"]
    assert find_lost(intake) == []
