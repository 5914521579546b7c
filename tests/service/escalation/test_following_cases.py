"""What happens to a case moves its clocks, and every move is told."""

import json

import pytest

from tests.service.escalation.tower import NUMBER, Tower, end_of, local, rfc3339


def test_a_new_case_has_three_days_to_be_verified_and_sixty_to_the_ombudsman(tower: Tower) -> None:
    tower.open()

    assert tower.clocks() == {"V1": "2026-11-05", "H1": "2027-01-01"}
    start = rfc3339(local("2026-11-02 10:00"))
    assert tower.said("deadline.started") == [
        {"type": "deadline.started", "clock": "V", "cycle": 1, "started_at": start,
         "due_at": end_of("2026-11-05"), "ends_on": "2026-11-05"},
        {"type": "deadline.started", "clock": "H", "cycle": 1, "started_at": start,
         "due_at": end_of("2027-01-01"), "ends_on": "2027-01-01"},
    ]  # fmt: skip


def test_clocks_count_from_receipt_however_late_the_event_comes(tower: Tower) -> None:
    tower.at("2026-11-20 10:00")

    tower.hear("case.opened.v1", received_at=rfc3339(local("2026-11-02 10:00")))

    assert tower.clocks()["V1"] == "2026-11-05"


@pytest.mark.parametrize(
    ("kind", "klass", "last"),
    [
        ("complaint", "ordinary", "2026-11-23"),
        ("complaint", "supervisory", "2027-02-01"),
        ("information_request", None, "2026-11-10"),
        ("aspiration", None, "2026-11-23"),
    ],
)
def test_a_disposition_starts_the_limits_of_its_kind(
    tower: Tower, kind: str, klass: str | None, last: str
) -> None:
    tower.open(kind=kind)

    tower.at("2026-11-03 10:00").dispose(**{"kind": kind, "class": klass})

    assert tower.clocks() == {
        "V1": "stopped", "H1": "2027-01-01", "F1": "2026-11-10", "S1": last,
    }  # fmt: skip


def test_a_return_restarts_nothing_and_the_second_goes_to_the_arbiter(tower: Tower) -> None:
    tower.open()
    tower.at("2026-11-03 10:00").dispose()
    tower.hear("case.returned.v1", agency="dpupr", returns=1, goes_to="coordinator")
    tower.at("2026-11-04 10:00").dispose(agency="pdam")
    before = tower.clocks()

    tower.at("2026-11-05 10:00").hear(
        "case.returned.v1", agency="pdam", returns=2, goes_to="arbiter"
    )

    assert tower.clocks() == before | {"A1": "2026-11-06"}
    assert before["F1"] == "2026-11-10"

    tower.at("2026-11-06 10:00").dispose(agency="dpupr")
    assert tower.clocks() == before | {"A1": "stopped"}


def test_a_question_of_the_coordinator_pauses_v_and_gives_the_reporter_thirty_days(
    tower: Tower,
) -> None:
    tower.open()

    tower.at("2026-11-04 10:00").hear("case.data_requested.v1", awaited_from="unverified")

    assert tower.clocks() == {"V1": "paused", "H1": "2027-01-01", "D1": "2026-12-04"}

    tower.at("2026-11-11 10:00").hear("case.resumed.v1", status="unverified", cycle=1)

    assert tower.clocks() == {"V1": "2026-11-13", "H1": "2027-01-01", "D1": "stopped"}
    moves = [(f["before"], f["after"], f["reason"]) for f in tower.said("deadline.recomputed")]
    assert moves == [
        (end_of("2026-11-05"), None, "paused"),
        (None, end_of("2026-11-13"), "resumed"),
    ]


def test_a_question_answered_on_the_same_day_changes_no_date(tower: Tower) -> None:
    tower.open()
    tower.at("2026-11-04 10:00").hear("case.data_requested.v1", awaited_from="unverified")
    tower.at("2026-11-04 16:00").hear("case.resumed.v1", status="unverified", cycle=1)

    assert tower.clocks()["V1"] == "2026-11-05"


def test_each_question_has_its_own_thirty_days(tower: Tower) -> None:
    tower.begin_work()
    for day in ("2026-11-04", "2026-11-09"):
        tower.at(f"{day} 10:00").hear("case.data_requested.v1", awaited_from="in_progress")
        tower.at(f"{day} 12:00").hear("case.resumed.v1", status="in_progress", cycle=1)

    assert tower.clocks()["D1"] == tower.clocks()["D2"] == "stopped"
    assert [f["cycle"] for f in tower.said("deadline.started") if f["clock"] == "D"] == [1, 2]


def test_the_first_follow_up_stops_f(tower: Tower) -> None:
    tower.begin_work()

    assert tower.clocks()["F1"] == "stopped"


def test_the_reporters_silence_counts_only_from_when_they_were_told(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-11-09 10:00").answer()
    assert tower.clocks() == {
        "V1": "stopped", "H1": "2027-01-01", "F1": "stopped", "S1": "paused",
    }  # fmt: skip

    tower.at("2026-11-12 10:00").deliver()

    assert tower.clocks()["R1"] == "2026-11-26"


def test_an_objection_gives_back_the_days_that_were_left(tower: Tower) -> None:
    tower.begin_work()  # S ends on 20 November: 14 working days
    tower.at("2026-11-09 10:00").answer()  # 4 are used: 3 to 6 November
    tower.deliver()

    tower.at("2026-11-18 10:00").hear(
        "case.objected.v1", status="in_progress", objections=1, cycle=2
    )

    # 10 are left, from 19 November on
    assert tower.clocks() == {
        "V1": "stopped", "H1": "2027-01-01", "F1": "stopped", "S1": "2026-12-02", "R1": "stopped",
    }  # fmt: skip

    tower.at("2026-11-24 10:00").answer(cycle=2)
    tower.deliver(cycle=2)
    assert tower.clocks()["R2"] == "2026-12-08"


@pytest.mark.parametrize(
    ("type", "data"),
    [
        ("case.closed.v1", {"how": "accepted", "cycle": 1}),
        ("case.archived.v1", {}),
        ("case.forwarded.v1", {}),
        ("case.merged.v1", {"status": "closed"}),
        ("case.withdrawn.v1", {}),
    ],
)
def test_what_is_over_has_no_clock(tower: Tower, type: str, data: dict[str, object]) -> None:
    tower.begin_work()

    tower.at("2026-11-09 10:00").hear(type, **data)

    assert set(tower.clocks().values()) == {"stopped"}
    assert tower.count("SELECT count(*) FROM due WHERE fired_at IS NULL") == 0


def test_a_reopened_case_has_a_new_s_and_a_new_h(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-11-09 10:00").answer()
    tower.hear("case.closed.v1", how="accepted", cycle=1)

    tower.at("2026-11-16 10:00").hear("case.reopened.v1", cycle=2)

    running = {name: day for name, day in tower.clocks().items() if day != "stopped"}
    assert running == {"S2": "2026-12-04", "H2": "2027-01-15"}


@pytest.mark.parametrize("how", ["archived", "forwarded"])
def test_an_objection_to_its_end_gives_back_the_days_that_were_left(tower: Tower, how: str) -> None:
    tower.open()  # V ends on Thursday 5 November
    tower.at("2026-11-04 10:00").hear(f"case.{how}.v1")

    tower.at("2026-11-10 10:00").hear(
        "case.objected.v1", status="unverified", objections=1, cycle=2
    )

    # used: 3 November; left: 11 and 12. H goes on after 7 days that do not count
    assert tower.clocks() == {"V1": "2026-11-12", "H1": "2027-01-08"}


def test_another_class_moves_the_limit_and_says_so(tower: Tower) -> None:
    tower.begin_work()

    tower.at("2026-11-04 10:00").hear(
        "case.reclassified.v1",
        **{"kind": "complaint", "class": "supervisory"},
        status="in_progress",
    )

    assert tower.clocks()["S1"] == "2027-01-29"
    moved = tower.said("deadline.recomputed")
    assert [(f["clock"], f["reason"]) for f in moved] == [("S", "reclassified")]
    kept = tower.database.psql("SELECT before IS NOT NULL, reason FROM clock_change")
    assert kept == [(True, "reclassified")]


def test_duplicates_and_disorder_change_nothing(tower: Tower) -> None:
    at, stream = tower.clock.at, tower.stream
    bodies = [
        stream.body("case.opened.v1", NUMBER, at),
        stream.body("case.verified.v1", NUMBER, at),
        stream.body("case.disposed.v1", NUMBER, at, **{"kind": "complaint", "class": "ordinary"}),
    ]

    assert [tower.receive(body) for body in reversed(bodies)] == ["waiting", "waiting", "done"]
    tower.retry()
    assert [tower.receive(body) for body in bodies * 3] == ["known"] * 9

    assert sorted(f["clock"] for f in tower.said("deadline.started")) == ["F", "H", "S", "V"]
    assert tower.clocks()["V1"] == "stopped"


def test_a_missing_limit_alarms_at_once_and_heals_when_there_is_one(bare_tower: Tower) -> None:
    bare_tower.open()
    assert bare_tower.clocks() == {"V1": "no_limit", "H1": "no_limit"}
    assert bare_tower.said() == []
    bare_tower.service.watch()

    bare_tower.plant()
    bare_tower.measure_stale()

    assert bare_tower.clocks() == {"V1": "2026-11-05", "H1": "2027-01-01"}
    assert [f["type"] for f in bare_tower.said()] == ["deadline.started"] * 2


def test_a_year_without_calendar_alarms_and_stops_no_other_clock(tower: Tower) -> None:
    tower.at("2030-12-13 10:00").open()

    assert tower.clocks() == {"V1": "2030-12-18", "H1": "2031-02-11"}

    tower.at("2030-12-26 10:00").dispose()

    assert tower.clocks() == {
        "V1": "stopped", "H1": "2031-02-11", "F1": "calendar", "S1": "calendar",
    }  # fmt: skip


def test_no_text_and_no_person_is_kept(tower: Tower) -> None:
    tower.begin_work()

    row = tower.database.psql("SELECT row_to_json(c) FROM case_state c")[0][0]
    assert set(json.loads(row) if isinstance(row, str) else row) == {
        "number", "status", "kind", "class", "category", "agency", "cycle", "received_at",
        "follows", "unheard_cycle", "offered_at", "handed_over_at", "decider", "passes_by",
        "settle_by", "reopen_until", "merged_into",
    }  # fmt: skip


def test_a_case_that_is_opened_again_is_watched_once(tower: Tower) -> None:
    """Routing was restored to an earlier state: it opens its cases anew and says so."""
    tower.begin_work()
    before = tower.clocks()

    assert tower.hear("case.opened.v1", kind="complaint") == "done"

    assert tower.clocks() == before | {"V1": "2026-11-05"}  # it is to be verified once more
    assert tower.count("SELECT count(*) FROM case_state") == 1
