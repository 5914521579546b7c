"""What is counted each minute is exact, and costs what came since it last was."""

from importlib import import_module
from threading import Thread

import sqlalchemy as sa

from tests.service.chassis.stories import report


def counted(service):
    with service.db.begin() as tx:
        return service.counts(tx)


def open_case(db, number):
    db.psql(
        "INSERT INTO timeline_entry (number, at, what, detail) VALUES"
        " (%s, now(), 'case.opened', '{}'), (%s, now(), 'case.verified', '{}')",
        [number, number],
    )


def test_what_comes_is_counted_once_and_what_goes_is_not_any_more(db, intake):
    assert counted(intake) == {"reports_accepted": 0, "cases_known": 0}
    for n in range(3):
        open_case(db, report(db, f"KTB-10000-0000{n}"))
    assert counted(intake) == counted(intake) == {"reports_accepted": 3, "cases_known": 3}

    db.psql("DELETE FROM timeline_entry WHERE number = 'KTB-10000-00000'")
    db.psql("DELETE FROM report WHERE number = 'KTB-10000-00000'")
    assert counted(intake) == {"reports_accepted": 2, "cases_known": 2}


def test_a_case_that_is_told_of_twice_is_known_once(db, intake):
    """Routing was restored, and says again that it opened it."""
    open_case(db, number := report(db))
    open_case(db, number)

    assert counted(intake)["cases_known"] == 1


def test_a_count_leaves_no_more_than_its_answer(db, intake):
    for n in range(9):
        report(db, f"KTB-10000-0000{n}")
    counted(intake)

    assert db.psql("SELECT what, count FROM tally ORDER BY what") == [
        ("cases_known", 0), ("reports_accepted", 9),
    ]  # fmt: skip


def test_what_is_undone_did_not_happen(db, intake):
    number = report(db)
    with intake.db.begin() as tx:
        tx.execute(sa.text("DELETE FROM report WHERE number = :number"), {"number": number})
        assert intake.counts(tx)["reports_accepted"] == 0
        tx.rollback()
    assert counted(intake)["reports_accepted"] == 1


def test_who_counts_beside_another_counts_all_of_it(db, intake):
    report(db)
    heard = []
    with intake.db.begin() as first:
        assert intake.counts(first)["reports_accepted"] == 1
        second = Thread(target=lambda: heard.append(counted(intake)))
        second.start()
        second.join(0.2)
        assert heard == []  # it waits: what it would see is being put together
    second.join(10)
    assert heard == [{"reports_accepted": 1, "cases_known": 0}]


def test_what_was_there_before_the_tally_is_counted_too(db, intake):
    """As the migration does it in a database that is older."""
    for n in range(3):
        open_case(db, report(db, f"KTB-10000-0000{n}"))
    migration = import_module("services.intake.migrations.versions.0004_tally")
    db.psql("TRUNCATE tally")

    db.psql(migration.COUNTED[migration.COUNTED.index("INSERT INTO tally") :])

    assert counted(intake) == {"reports_accepted": 3, "cases_known": 3}
