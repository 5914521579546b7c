"""A decree moves every open limit; before and after are kept, and whoever is affected is told."""

from prometheus_client import REGISTRY

from services.escalation.rules import national
from services.escalation.rules.defaults import LADDER, LIMITS
from services.escalation.seed import plant
from tests.service.escalation.tower import MONDAY, NUMBER, Tower, end_of, years

NEW_LEAVE = (
    "INSERT INTO calendar_day VALUES"
    " ('2026-11-05', 'Cuti bersama daerah', 'local', 'Perbup 71/2026', false)"
)


def test_a_new_day_off_moves_open_limits_and_says_so(tower: Tower) -> None:
    tower.open()
    tower.database.psql(NEW_LEAVE)

    tower.at("2026-11-03 10:00").measure_stale()

    assert tower.clocks() == {"V1": "2026-11-06", "H1": "2027-01-01"}
    assert tower.said("deadline.recomputed") == [
        {
            "type": "deadline.recomputed", "clock": "V", "cycle": 1, "reason": "calendar",
            "before": end_of("2026-11-05"), "after": end_of("2026-11-06"),
            "ends_on": "2026-11-06", "at": "2026-11-03T02:00:00Z",
        }
    ]  # fmt: skip
    assert tower.database.psql("SELECT before <> after, reason FROM clock_change") == [
        (True, "calendar")
    ]


def test_a_limit_that_has_not_passed_after_all_is_taken_back_and_fires_on_its_new_day(
    tower: Tower,
) -> None:
    tower.open()
    tower.at("2026-11-06 08:00").sweep()
    tower.append()

    tower.database.psql(NEW_LEAVE)
    tower.measure_stale()
    tower.append()

    assert [entry["type"] for entry in tower.entries("monitoring")] == [
        "feed.breach.opened.v1",
        "feed.breach.closed.v1",
    ]
    assert tower.entries("monitoring")[1]["data"]["how"] == "recomputed"
    before = len(tower.fired())

    tower.at("2026-11-07 08:00").sweep()
    assert tower.fired()[before:] == ["passed V", "raised V 1 head_of_coordinator"]


def test_a_limit_that_was_just_moved_does_not_fire_before_it_was_measured_again(
    tower: Tower,
) -> None:
    tower.open()
    tower.at("2026-11-05 23:50").database.psql(NEW_LEAVE)

    tower.at("2026-11-06 00:00:05").sweep()

    assert tower.fired() == ["approaching V"]
    assert tower.clocks()["V1"] == "2026-11-06"
    tower.at("2026-11-07 00:00:05").sweep()
    assert tower.fired()[1:] == ["passed V", "raised V 1 head_of_coordinator"]


def test_nobody_is_offered_and_nothing_handed_over_by_an_end_that_was_moved(tower: Tower) -> None:
    offered, consented = NUMBER, "KTB-34567-00001"
    for number in (offered, consented):
        tower.at(MONDAY).begin_work(number)  # S ends on Friday 20 November
    tower.hear("report.escalation_consented.v1", consented)
    tower.at("2026-11-20 23:50").database.psql(NEW_LEAVE.replace("11-05", "11-20"))

    tower.at("2026-11-21 00:00:05").sweep()
    tower.append()

    assert tower.said("escalation") == tower.said("escalation", number=consented) == []
    assert tower.entries("handovers") == tower.entries("monitoring") == []
    tower.at("2026-11-24 00:00:05").sweep()
    tower.append()
    assert "offered settlement_passed" in tower.fired(offered)
    assert [entry["subject"] for entry in tower.entries("handovers")] == [consented]


def test_another_limit_from_a_day_on_holds_for_what_starts_from_then_on(tower: Tower) -> None:
    tower.open()
    tower.database.psql(
        "INSERT INTO limit_rule (clock, days, unit, effective_from, decree)"
        " VALUES ('V', 2, 'working', '2026-11-03', 'Perbup 72/2026')"
    )
    tower.measure_stale()

    tower.at("2026-11-03 10:00").open("KTB-34567-00001")

    assert tower.clocks()["V1"] == "2026-11-05"
    assert tower.clocks("KTB-34567-00001")["V1"] == "2026-11-05"
    assert tower.said("deadline.recomputed") == []


def test_a_corrected_limit_is_a_limit_that_moved(tower: Tower) -> None:
    tower.open()
    tower.database.psql(
        "INSERT INTO limit_rule (clock, kind, days, unit, effective_from, decree)"
        " VALUES ('V', 'complaint', 5, 'working', '2026-01-01', 'Perbup 72/2026')"
    )

    tower.measure_stale()

    assert tower.clocks()["V1"] == "2026-11-09"
    assert [f["reason"] for f in tower.said("deadline.recomputed")] == ["limit"]


def test_a_limit_that_was_taken_away_stays_in_force_and_alarms(tower: Tower) -> None:
    tower.open()
    tower.database.psql("UPDATE clock SET rule_id = NULL; DELETE FROM limit_rule")
    tower.measure_stale()

    tower.at("2026-11-06 08:00").sweep()

    assert tower.clocks()["V1"] == "no_limit"
    assert "passed V" in tower.fired()


def test_a_stopped_clock_does_not_move(tower: Tower) -> None:
    tower.open()
    tower.dispose()
    tower.database.psql(NEW_LEAVE)

    tower.measure_stale()

    assert {f["clock"] for f in tower.said("deadline.recomputed")} == {"F", "S"}


def test_what_rests_on_an_undecreed_year_is_provisional_until_the_decree_is_imported(
    tower: Tower,
) -> None:
    tower.at("2027-12-20 10:00").begin_work()
    assert tower.database.psql("SELECT provisional FROM clock WHERE clock = 'S'") == [(True,)]
    assert tower.clocks()["S1"] == "2028-01-10"

    leave = national.NationalDay(
        years()[3].days[0].on.replace(day=3), "Cuti Bersama", "joint_leave", "SKB 2028"
    )
    decreed = national.NationalYear(2028, "SKB 2028", (*years()[3].days, leave))
    with tower.db.begin() as tx:
        plant(tx, [decreed])
    tower.measure_stale()

    assert tower.database.psql("SELECT provisional FROM clock WHERE clock = 'S'") == [(False,)]
    assert tower.clocks()["S1"] == "2028-01-11"
    assert [f["after"] for f in tower.said("deadline.recomputed")] == [end_of("2028-01-11")]


def test_importing_again_changes_nothing_and_leaves_what_people_entered(tower: Tower) -> None:
    tower.database.psql(NEW_LEAVE)
    tower.database.psql(
        "UPDATE calendar_year SET decree = 'SKB 2028 (dari surat)' WHERE year = 2028"
    )
    version = tower.count("SELECT version FROM regime")

    tower.plant()

    assert tower.count("SELECT version FROM regime") == version
    assert tower.count("SELECT count(*) FROM calendar_day WHERE kind = 'local'") == 1
    assert tower.count("SELECT count(*) FROM limit_rule") == len(LIMITS)
    assert tower.count("SELECT count(*) FROM ladder_rule") == len(LADDER)


def test_an_import_takes_back_a_day_that_the_package_no_longer_knows(tower: Tower) -> None:
    tower.database.psql(
        "INSERT INTO calendar_day VALUES ('2028-03-01', 'perkiraan', 'public', 'x', true)"
    )

    tower.plant()

    assert tower.count("SELECT count(*) FROM calendar_day WHERE day = '2028-03-01'") == 0
    kept = "SELECT what, decided_as, detail FROM amendment"
    assert tower.database.psql(kept) == [
        ("import", "seed", {"changed": ["- 2028-03-01 perkiraan (x)"]})
    ]


def test_an_import_puts_right_what_kind_a_day_is(tower: Tower) -> None:
    """A week that keeps no joint leave works on it."""
    tower.database.psql("UPDATE calendar_day SET kind = 'public' WHERE day = '2026-12-24'")

    tower.plant()

    kind = "SELECT kind FROM calendar_day WHERE day = '2026-12-24'"
    assert tower.database.psql(kind) == [("joint_leave",)]
    [(changed,)] = tower.database.psql("SELECT detail->'changed' FROM amendment")
    decree = "SKB 3 Menteri 1497/2025, 2/2025, 5/2025"
    day = "Cuti Bersama Hari Raya Natal"
    assert changed == [f"~ 2026-12-24 {day}, public ({decree}) -> {day}, joint_leave ({decree})"]


def test_promises_are_published_once_a_day_and_after_each_change(tower: Tower) -> None:
    def published() -> list[dict[str, object]]:
        return tower.said("calendar.published", number="promises")

    tower.service.publish_promises()
    tower.service.publish_promises()
    [first] = published()
    days = first["days"]
    assert len(days) == 120
    assert days[0] == {
        "received_on": "2026-11-02",
        "verify_by": "2026-11-05",
        "follow_up_by": "2026-11-12",
        "settle_by": {
            "complaint": "2026-11-25",
            "aspiration": "2026-11-25",
            "information_request": "2026-11-12",
        },
    }

    tower.at("2026-11-03 00:00:01").service.publish_promises()
    assert published()[1]["days"][0]["received_on"] == "2026-11-03"

    tower.database.psql(NEW_LEAVE)
    tower.service.publish_promises()
    assert published()[2]["days"][0]["verify_by"] == "2026-11-09"


def test_without_limits_there_are_no_promises_but_an_alarm(bare_tower: Tower) -> None:
    bare_tower.service.publish_promises()

    assert bare_tower.said(number="promises") == []
    assert bare_tower.said(number=NUMBER) == []
    assert REGISTRY.get_sample_value("lapor_escalation_no_promises") == 1


def test_the_alarm_ends_when_another_worker_has_told_the_promises(bare_tower: Tower) -> None:
    bare_tower.service.publish_promises()
    with bare_tower.service.db.begin() as tx:
        version = bare_tower.service.in_force(tx).version
    told = "INSERT INTO publication (id, regime, day) VALUES (1, %s, '2026-11-02')"
    bare_tower.database.psql(told, parameters=[version])

    bare_tower.service.publish_promises()

    assert REGISTRY.get_sample_value("lapor_escalation_no_promises") == 0
