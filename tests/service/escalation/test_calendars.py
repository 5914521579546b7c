"""A service unit with a week of its own: what it must do counts in its days, all else in the
regency's, and a clock keeps the calendar that it began with."""

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from services.escalation.models import CalendarAssignment, CalendarWeek, LocalDay, ServiceCalendar
from tests.service.escalation.tower import NUMBER, Tower, end_of

LONG_AGO = "2020-01-01"
OTHER = "KTB-34567-00001"
DECREE = "Perbup 12/2026"


def furnish(tower: Tower, code: str, zone: str, weekdays: list[int], **week: bool) -> None:
    """A calendar with one week from long ago."""
    keeps = {"national_days": True, "joint_leave": True} | week
    with tower.db.begin() as tx:
        tx.add(ServiceCalendar(code=code, name=code, zone=zone, decree=DECREE))
        tx.flush()
        tx.add(
            CalendarWeek(
                calendar=code, weekdays=weekdays, effective_from=LONG_AGO, decree=DECREE, **keeps
            )
        )


def assign(tower: Tower, agency: str, calendar: str, since: str = LONG_AGO) -> None:
    with tower.db.begin() as tx:
        tx.add(
            CalendarAssignment(
                agency=agency, calendar=calendar, effective_from=since, decree=DECREE
            )
        )


def decree(tower: Tower, calendar: str, day: str, rule: str) -> None:
    with tower.db.begin() as tx:
        tx.add(LocalDay(calendar=calendar, day=day, rule=rule, name="Hari jadi", decree=DECREE))


@pytest.fixture
def hospital(tower: Tower) -> Tower:
    """Works every day but Sunday, also on joint leave; the agency `rsud` is run by it."""
    furnish(tower, "hospital", "Asia/Makassar", [0, 1, 2, 3, 4, 5], joint_leave=False)
    assign(tower, "rsud", "hospital")
    return tower


def test_what_an_agency_must_do_counts_in_its_own_week(hospital: Tower) -> None:
    hospital.at("2026-12-18 10:00").open()
    hospital.dispose(agency="rsud")
    hospital.open(OTHER)
    hospital.dispose(OTHER, agency="dpupr")

    # Saturday 19, Monday 21 to Thursday 24 (joint leave, but worked); against Monday 21 to 23,
    # and after the holidays Monday 28 and Tuesday 29
    assert hospital.clocks()["F1"] == "2026-12-24"
    assert hospital.clocks(OTHER)["F1"] == "2026-12-29"
    assert hospital.clocks()["H1"] == hospital.clocks(OTHER)["H1"]


def test_what_is_not_the_agencys_counts_in_the_regencys_week(hospital: Tower) -> None:
    hospital.at("2026-11-06 10:00").open()
    hospital.dispose(agency="rsud")
    hospital.hear("case.followed_up.v1", agency="rsud", first=True, cycle=1)
    hospital.hear("case.answered.v1", agency="rsud", cycle=1)
    hospital.deliver()

    assert hospital.clocks()["R1"] == "2026-11-20"  # ten days from Monday the 9th
    kept = hospital.database.psql("SELECT clock, calendar FROM clock ORDER BY clock")
    assert dict(kept) == {
        "F": "hospital", "S": "hospital", "V": "regency", "R": "regency", "H": "regency"
    }  # fmt: skip


def test_the_ladder_and_the_reminder_count_in_the_week_of_the_clock(hospital: Tower) -> None:
    hospital.at("2026-11-02 10:00").open()
    hospital.dispose(agency="rsud")

    due = dict(hospital.database.psql(
        "SELECT d.what, (d.due_at AT TIME ZONE 'Asia/Makassar')::date::text FROM due d"
        " JOIN clock c ON c.id = d.clock_id WHERE c.clock = 'F'"
    ))  # fmt: skip

    assert due == {
        "reminder": "2026-11-06",
        "passed": "2026-11-07",  # a Saturday
        "level_1": "2026-11-07",
        "level_2": "2026-11-11",
        "level_3": "2026-11-13",
    }


def test_a_return_and_another_agency_move_nothing(hospital: Tower) -> None:
    hospital.at("2026-11-06 10:00").open()
    hospital.dispose(agency="rsud")
    before = hospital.clocks()

    hospital.at("2026-11-09 10:00").hear(
        "case.returned.v1", status="unverified", goes_to="coordinator", agency="rsud", returns=1
    )
    hospital.dispose(agency="dpupr")
    hospital.measure_stale()

    assert {name: hospital.clocks()[name] for name in ("F1", "S1")} == {
        name: before[name] for name in ("F1", "S1")
    }
    assert hospital.said("deadline.recomputed") == []


def test_an_assignment_holds_for_clocks_that_begin_from_its_day_on(tower: Tower) -> None:
    furnish(tower, "hospital", "Asia/Makassar", [0, 1, 2, 3, 4, 5])
    assign(tower, "rsud", "hospital", "2026-11-07")
    tower.at("2026-11-06 23:59:59").open()
    tower.dispose(agency="rsud")
    tower.measure_stale()
    tower.at("2026-11-07 00:00:00").open(OTHER)
    tower.dispose(OTHER, agency="rsud")

    assert tower.clocks()["F1"] == "2026-11-13"
    assert tower.clocks(OTHER)["F1"] == "2026-11-13"  # Monday to Friday, but Saturdays count
    kept = "SELECT number, calendar FROM clock WHERE clock = 'F'"
    assert dict(tower.database.psql(kept)) == {NUMBER: "regency", OTHER: "hospital"}

    assign(tower, "rsud", "regency", "2026-11-07")  # the later row holds; what began is kept
    tower.measure_stale()
    assert tower.said("deadline.recomputed", number=OTHER) == []


def test_days_end_in_the_zone_of_the_calendar(tower: Tower) -> None:
    """The clock begins at 23:30 in the regency: it is Tuesday already in the east, and half past
    ten in the west."""
    five = [0, 1, 2, 3, 4]
    furnish(tower, "west", "Asia/Jakarta", five)
    furnish(tower, "east", "Asia/Jayapura", five)
    assign(tower, "barat", "west")
    assign(tower, "timur", "east")
    tower.at("2026-11-02 23:30")
    for number, agency in ((NUMBER, "barat"), (OTHER, "timur")):
        tower.open(number)
        tower.dispose(number, agency=agency)

    found = dict(tower.database.psql("SELECT number, due_at::text FROM clock WHERE clock = 'F'"))

    assert found == {NUMBER: "2026-11-09 16:59:59+00", OTHER: "2026-11-10 14:59:59+00"}


def test_everybody_is_told_the_day_as_the_calendar_counts_it(tower: Tower) -> None:
    """The ninth ends in the west when it is one o'clock on the tenth in the regency."""
    furnish(tower, "west", "Asia/Jakarta", [0, 1, 2, 3, 4])
    assign(tower, "barat", "west")
    tower.at("2026-11-02 10:00").open()
    tower.dispose(agency="barat")
    for day in ("2026-11-06 08:00", "2026-11-09 08:00", "2026-11-10 08:00", "2026-11-13 08:00"):
        tower.at(day).sweep()

    told = {
        type: {said["ends_on"] for said in tower.said(type) if said["clock"] == "F"}
        for type in ("deadline.started", "deadline.approaching", "deadline.passed")
    }
    assert set().union(*told.values()) == {"2026-11-09"}, told
    assert all(told.values()), told


def test_a_calendar_has_days_off_of_its_own_and_works_on_days_of_the_nation(
    hospital: Tower,
) -> None:
    hospital.at("2026-12-23 10:00").open()
    hospital.dispose(agency="rsud")
    assert hospital.clocks()["F1"] == "2026-12-30"  # 24, 26, 28, 29, 30

    decree(hospital, "hospital", "2026-12-25", "worked")
    decree(hospital, "hospital", "2026-12-27", "worked")  # a Sunday
    hospital.measure_stale()
    assert hospital.clocks()["F1"] == "2026-12-28"

    decree(hospital, "hospital", "2026-12-28", "off")
    hospital.measure_stale()
    assert hospital.clocks()["F1"] == "2026-12-29"

    decree(hospital, "hospital", "2026-12-28", "national")  # taken back
    hospital.measure_stale()
    assert hospital.clocks()["F1"] == "2026-12-28"
    afters = [
        fact["after"] for fact in hospital.said("deadline.recomputed") if fact["clock"] == "F"
    ]
    assert afters == [end_of("2026-12-28"), end_of("2026-12-29"), end_of("2026-12-28")]
    assert hospital.clocks()["V1"] == "stopped"


def test_a_local_day_of_one_calendar_is_none_in_another(hospital: Tower) -> None:
    decree(hospital, "regency", "2026-11-03", "off")
    hospital.at("2026-11-02 10:00").open()
    hospital.dispose(agency="rsud")
    hospital.open(OTHER)
    hospital.dispose(OTHER, agency="dpupr")

    assert hospital.clocks()["F1"] == "2026-11-07"
    assert hospital.clocks(OTHER)["F1"] == "2026-11-10"


def test_another_week_holds_from_its_day_on(hospital: Tower) -> None:
    """From Monday the 9th on the hospital works five days: the clock that began before meets both
    weeks on its way."""
    with hospital.db.begin() as tx:
        week = {"weekdays": [0, 1, 2, 3, 4], "national_days": True, "joint_leave": True}
        tx.add(
            CalendarWeek(calendar="hospital", effective_from="2026-11-09", decree=DECREE, **week)
        )
    hospital.at("2026-11-06 10:00").open()
    hospital.dispose(agency="rsud")

    assert hospital.clocks()["F1"] == "2026-11-12"  # Saturday 7 counts, Saturday 14 would not
    assert hospital.clocks()["S1"] == "2026-11-25"


@pytest.mark.parametrize("table", ["service_calendar", "calendar_week", "local_day",
                                   "calendar_assignment"])  # fmt: skip
def test_what_was_decreed_can_only_be_added_to(hospital: Tower, table: str) -> None:
    owner = create_engine(hospital.database.owner_url)
    for engine, why in ((hospital.engine, "permission denied"), (owner, "only added to")):
        for statement in (f"UPDATE {table} SET decree = 'x'", f"DELETE FROM {table}"):
            with pytest.raises(DBAPIError, match=why), engine.begin() as connection:
                connection.execute(text(statement))
    owner.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO calendar_week (calendar, weekdays, national_days, joint_leave,"
        " effective_from, decree) VALUES ('hospital', '{7}', true, true, '2026-01-01', 'x')",
        "INSERT INTO calendar_week (calendar, weekdays, national_days, joint_leave,"
        " effective_from, decree) VALUES ('hospital', '{}', true, true, '2026-01-01', 'x')",
        "INSERT INTO local_day (calendar, day, rule, name, decree)"
        " VALUES ('hospital', '2026-01-01', 'half', 'x', 'x')",
        "INSERT INTO service_calendar VALUES ('The Hospital', 'x', 'Asia/Jakarta', 'x')",
        "INSERT INTO service_calendar VALUES ('unzoned', 'x', NULL, 'x')",
    ],
)
def test_the_database_refuses_what_no_calendar_can_be(hospital: Tower, statement: str) -> None:
    with pytest.raises(DBAPIError, match="check constraint"), hospital.engine.begin() as connection:
        connection.execute(text(statement))
