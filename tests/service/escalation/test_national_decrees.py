"""A year's national decree is entered by an administrator, and holds in every calendar."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from services.escalation import seed
from services.escalation.commands import bring_in
from services.escalation.ombudsman import records
from services.escalation.rules import national
from tests.service.escalation.desk import GIVEN, HOSPITAL, OTHER, Desk
from tests.service.escalation.tower import Tower
from tests.service.escalation.window import Window

PATH = "national-decrees"
SKB = "SKB 3 Menteri 900/2027, 4/2027, 7/2027"
LEAVE = {"day": "2028-03-02", "kind": "joint_leave", "name": "Cuti bersama Idulfitri"}
DECREE = {"joint": True, "year": 2028, "decree": SKB, "days": [LEAVE]}
EXTRA = {"day": "2026-11-05", "kind": "public", "name": "Hari pemilihan"}
NOW = {"joint": False, "year": 2026, "decree": "Keppres 40/2026", "days": [EXTRA]}


def of_year(tower: Tower, year: int) -> list[tuple[Any, ...]]:
    """The nation's days as they are stored."""
    asked = "SELECT day, kind, basis FROM calendar_day WHERE extract(year FROM day) = %s"
    return tower.database.psql(f"{asked} ORDER BY day", [year])


def measure(tower: Tower) -> None:
    while tower.service.measure_stale():
        pass


def test_every_day_of_the_year_has_its_number_and_nothing_is_provisional(
    desk: Desk, tower: Tower, window: Window
) -> None:
    tower.at("2027-12-30 09:00").open()
    before = window.told("explain")["V1"]
    assert before["provisional"] is True

    answer = desk.decree(PATH, DECREE)
    measure(tower)

    assert answer["applied"] is True
    assert {basis for _, _, basis in of_year(tower, 2028)} == {SKB}
    told = window.told("explain")["V1"]
    assert (told["provisional"], told["ends_on"]) == (False, before["ends_on"])
    assert SKB in {day["basis"] for day in told["days"]}
    shown = desk.see("calendars/regency/days", year="2028")
    assert shown["decree"] == SKB
    assert [d["day"] for d in shown["national"] if d["kind"] == "joint_leave"] == ["2028-03-02"]


def test_a_day_of_the_nations_moves_open_limits_in_every_calendar_that_keeps_it(
    desk: Desk, tower: Tower
) -> None:
    desk.decree("calendars", HOSPITAL, weekdays=[0, 1, 2, 3, 4])
    desk.decree("calendars/rsud/agencies", GIVEN)
    tower.open()
    for number in (OTHER, "KTB-34567-00002"):
        tower.open(number)
        tower.dispose(number, agency="rsud-pjs")
    ends = tower.clocks()["V1"], tower.clocks(OTHER)["F1"]
    foretold = desk.preview(PATH, NOW)
    assert foretold["other_end"] == 5  # V, and F and S of the two others
    assert (tower.clocks()["V1"], tower.clocks(OTHER)["F1"]) == ends

    desk.decree(PATH, NOW)
    measure(tower)

    assert tower.clocks()["V1"] > ends[0]
    assert tower.clocks(OTHER)["F1"] > ends[1]
    said = [f for f in tower.said("deadline.recomputed") if f["clock"] == "V"]
    assert [(f["reason"], f["before"] < f["after"]) for f in said] == [("calendar", True)]


def test_what_stopped_before_keeps_its_days(desk: Desk, tower: Tower, window: Window) -> None:
    tower.open()
    tower.at("2026-11-04 09:00").dispose()
    before = window.told("explain")["V1"]

    desk.decree(PATH, NOW)
    measure(tower)

    assert window.told("explain")["V1"] == before


def test_a_day_is_taken_back(desk: Desk, tower: Tower) -> None:
    tower.at("2026-12-21 09:00").open()
    end = tower.clocks()["V1"]

    desk.decree(PATH, NOW | {"days": [], "taken_back": ["2026-12-24"]})
    measure(tower)

    assert tower.clocks()["V1"] < end
    assert date(2026, 12, 24) not in [day for day, _, _ in of_year(tower, 2026)]


def test_a_decree_about_a_day_is_the_basis_of_that_day_alone(desk: Desk, tower: Tower) -> None:
    before = of_year(tower, 2026)

    desk.decree(PATH, NOW)

    assert set(of_year(tower, 2026)) - set(before) == {
        (date(2026, 11, 5), "public", "Keppres 40/2026")
    }
    assert set(before) <= set(of_year(tower, 2026))
    with tower.db.begin() as tx:  # which knows nothing of it, and leaves it
        assert seed.import_calendar(tx, national.years([2026])) == []


def test_an_import_leaves_the_year_alone(desk: Desk, tower: Tower) -> None:
    desk.decree(PATH, DECREE)
    desk.decree(PATH, NOW | {"taken_back": ["2026-12-24"]})
    entered = of_year(tower, 2026), of_year(tower, 2028)

    with tower.db.begin() as tx:
        changed = seed.import_calendar(tx, national.years([2026, 2028]))

    assert changed == []
    assert (of_year(tower, 2026), of_year(tower, 2028)) == entered


def test_a_number_that_a_later_release_knows_takes_the_place_of_none(tower: Tower) -> None:
    tower.database.psql("UPDATE calendar_year SET decree = 'number not recorded' WHERE year = 2026")

    with tower.db.begin() as tx:
        changed = seed.import_calendar(tx, national.years([2026]))

    assert changed == [f"2026: {national.DECREES[2026]}"]


def test_who_entered_it_is_kept_and_the_ombudsman_reads_it(desk: Desk, tower: Tower) -> None:
    desk.decree(PATH, DECREE)

    [kept] = [a for a in desk.see("amendments")["amendments"] if a["what"] == "nation"]
    assert (kept["decree"], kept["retroactive"]) == (SKB, False)
    assert kept["detail"] == {
        "year": 2028, "joint": True, "days": [LEAVE], "taken_back": [], "replaces": None,
    }  # fmt: skip
    tower.append()
    [entry] = [e for e in tower.entries("monitoring") if e["type"] == "feed.rule.amended.v1"]
    assert (entry["data"]["what"], entry["data"]["decree"]) == ("nation", SKB)
    with tower.db.begin() as tx:
        assert records.first_broken(tx) is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("DELETE FROM calendar_day WHERE day = '2026-11-05'", "calendar_day 2026-11-05 is gone"),
        ("UPDATE calendar_day SET name = 'x' WHERE day = '2026-11-05'",
         "calendar_day 2026-11-05 is not as it was decreed"),
        ("UPDATE calendar_day SET imported = false WHERE day = '2026-08-17'",
         "calendar_day 2026-08-17 was never decreed"),
        ("INSERT INTO calendar_day VALUES ('2026-12-24', 'Natal', 'public', 'x', true)",
         "calendar_day 2026-12-24 is not as it was decreed"),
    ],
)  # fmt: skip
def test_whoever_changes_such_a_day_by_hand_is_found(
    desk: Desk, tower: Tower, change: str, told: str
) -> None:
    desk.decree(PATH, NOW | {"taken_back": ["2026-12-24"]})
    desk.decree(PATH, DECREE)
    desk.decree(PATH, DECREE | {"decree": "SKB baru", "days": []})
    tower.append()
    with tower.db.begin() as tx:
        assert records.first_broken(tx) is None

    tower.database.psql(change)

    with tower.db.begin() as tx:
        assert records.first_broken(tx) == told


def test_a_corrected_number_is_that_of_every_day_of_the_first(desk: Desk, tower: Tower) -> None:
    desk.decree(PATH, DECREE)

    desk.decree(PATH, DECREE | {"decree": "SKB baru", "days": []})

    assert {basis for _, _, basis in of_year(tower, 2028)} == {"SKB baru"}


def test_a_day_that_was_taken_back_stays_so_and_the_rest_is_imported_on(
    desk: Desk, tower: Tower
) -> None:
    desk.decree(PATH, NOW | {"days": [], "taken_back": ["2026-12-24"]})
    tower.database.psql("DELETE FROM calendar_day WHERE day = '2026-08-17'")

    with tower.db.begin() as tx:
        changed = seed.import_calendar(tx, national.years([2026]))

    assert [line[:12] for line in changed] == ["+ 2026-08-17"]


def test_a_day_that_was_entered_by_the_imported_number_takes_the_joint_ones(
    desk: Desk, tower: Tower
) -> None:
    desk.decree(PATH, NOW | {"decree": national.DECREES[2026]})

    desk.decree(PATH, NOW | {"joint": True, "decree": "SKB baru", "days": []})

    assert {basis for _, _, basis in of_year(tower, 2026)} == {"SKB baru"}
    tower.append()
    with tower.db.begin() as tx:
        assert records.first_broken(tx) is None


def test_an_import_tells_only_of_the_years_that_it_looked_at(desk: Desk, tower: Tower) -> None:
    desk.decree(PATH, DECREE)
    tower.database.psql("DELETE FROM calendar_day WHERE day = '2026-08-17'")

    with tower.db.begin() as tx:
        told = bring_in(tx, tower.settings.zone, national.years([2026, 2028]), "koordinator")

    assert told[0].startswith("+ 2026-08-17")
    [kept] = [a for a in desk.see("amendments")["amendments"] if a["what"] == "import"]
    assert kept["decree"] == f"2026: {national.DECREES[2026]}"


def test_the_number_stands_in_a_dossier(desk: Desk, tower: Tower) -> None:
    desk.decree(PATH, DECREE)
    tower.at("2027-12-30 09:00").open()
    tower.hear("report.escalation_consented.v1")
    tower.at("2028-03-20 10:00").sweep()

    [(content,)] = tower.database.psql("SELECT content FROM dossier")
    days = [day for clock in content["clocks"] for day in clock["days"] or []]
    assert SKB in {day.get("basis") for day in days if day["on"] == "2028-01-01"}


def test_no_import_takes_a_number_away(tower: Tower) -> None:
    unrecorded = national.years([2027])
    tower.database.psql("UPDATE calendar_year SET decree = 'SKB 9/2026' WHERE year = 2027")
    tower.database.psql(
        "UPDATE calendar_day SET basis = 'SKB 9/2026' WHERE extract(year FROM day) = 2027"
    )

    with tower.db.begin() as tx:
        assert seed.import_calendar(tx, unrecorded) == []


def test_the_field_of_the_past_day_is_named(desk: Desk, tower: Tower) -> None:
    later = EXTRA | {"day": "2026-12-01"}

    body = NOW | {"days": [later], "taken_back": ["2026-08-17"]}

    assert desk.refused(PATH, body) == [("taken_back", "not_past")]


def test_the_past_needs_a_word_for_it(desk: Desk, tower: Tower) -> None:
    tower.at("2026-11-06 09:00")
    assert desk.refused(PATH, NOW) == [("days", "not_past")]
    back = NOW | {"days": [], "taken_back": ["2026-08-17"]}
    assert desk.refused(PATH, back) == [("taken_back", "not_past")]

    assert desk.decree(PATH, NOW, retroactive=True)["retroactive"] is True


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (DECREE | {"year": 2045, "days": []}, [("year", "held")]),
        (DECREE | {"days": []}, [("days", "joint_leave")]),
        (DECREE | {"days": [], "joint": False}, [("days", "change")]),
        (DECREE | {"days": [LEAVE | {"day": "2029-03-02"}]}, [("days.0.day", "year")]),
        (DECREE | {"days": [LEAVE, LEAVE]}, [("days.1.day", "unique")]),
        (DECREE | {"taken_back": ["2028-03-02"]}, [("taken_back", "unique")]),
        (DECREE | {"taken_back": ["2027-03-02"]}, [("taken_back", "year")]),
        (DECREE | {"taken_back": ["2028-03-03"]}, [("taken_back", "known")]),
        (DECREE | {"days": [LEAVE | {"kind": "local"}]}, [("days.0.kind", "one_of")]),
        (DECREE | {"decree": ""}, [("decree", "length")]),
    ],
)
def test_what_does_not_fit_is_refused_by_name_and_nothing_is_kept(
    desk: Desk, tower: Tower, body: Any, wrong: list[tuple[str, str]]
) -> None:
    before = of_year(tower, 2028)

    assert desk.refused(PATH, body) == wrong

    assert of_year(tower, 2028) == before
    assert desk.see("amendments")["amendments"] == []


def test_nobody_else_may(desk: Desk) -> None:
    assert desk.ask("POST", PATH, DECREE, role="coordinator").status_code == 403
