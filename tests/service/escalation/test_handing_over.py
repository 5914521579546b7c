"""The Ombudsman is offered, and gets a case only once its time is up and its reporter consents."""

from datetime import UTC

import pytest

from services.escalation import metrics
from services.escalation.models import LocalDay
from services.escalation.watch import clocks, firing, watching
from tests.service.escalation.tower import NUMBER, Tower, end_of, local

DAY_OFF = (
    "INSERT INTO calendar_day VALUES"
    " ('2026-11-20', 'Cuti bersama daerah', 'local', 'Perbup 71/2026', false)"
)


def test_the_reporter_is_offered_the_ombudsman_once(tower: Tower) -> None:
    tower.open()
    tower.dispose()

    tower.at("2027-01-02 10:00").sweep()  # S passed in November, H on 1 January

    assert [f["reason"] for f in tower.said("escalation.offered")] == ["settlement_passed"]
    assert "passed H" in tower.fired()


def test_with_consent_the_case_is_handed_over_once_s_or_h_has_passed(tower: Tower) -> None:
    tower.open()
    tower.at("2026-11-20 10:00").hear("report.escalation_consented.v1")
    tower.sweep()
    tower.append()
    assert tower.entries("handovers") == []

    tower.at("2027-01-02 10:00").sweep()
    tower.append()
    tower.sweep()

    assert [entry["subject"] for entry in tower.entries("handovers")] == [NUMBER]
    [told] = tower.said("escalation.handed_over")
    assert (told["position"], told["at"]) == (1, tower.said()[-1]["at"])


def test_with_consent_given_later_the_case_is_handed_over_then(tower: Tower) -> None:
    tower.open()
    tower.at("2027-01-04 10:00").sweep()
    assert tower.fired()[-1] == "offered handover_limit"

    tower.at("2027-01-05 10:00").hear("report.escalation_consented.v1")
    tower.at("2027-01-05 10:00:02").sweep()
    tower.append()

    assert len(tower.entries("handovers")) == 1


def test_a_consent_of_a_moment_that_lies_ahead_waits_for_nothing(tower: Tower) -> None:
    """It is said to be later than what was said of one before: intake's clock was set back."""
    tower.begin_work()
    ahead = local("2027-06-01 10:00").astimezone(UTC)
    given = tower.stream.body("report.escalation_consented.v1", NUMBER, ahead)
    tower.at("2027-01-02 10:00").sweep()
    assert tower.receive(given) == "done"
    tower.at("2027-01-02 10:00:05").sweep()

    assert tower.count("SELECT count(*) FROM dossier") == 1


def test_without_consent_nothing_is_handed_over(tower: Tower) -> None:
    tower.open()
    tower.dispose()

    tower.at("2027-01-10 10:00").sweep()
    tower.append()

    assert tower.entries("handovers") == []
    assert [entry["data"]["clock"] for entry in tower.entries("monitoring")] == ["F", "S", "H"]


def test_consent_to_a_case_that_is_over_does_nothing(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-11-25 10:00").sweep()
    tower.answer()
    tower.hear("case.closed.v1", how="accepted", cycle=1)

    tower.at("2026-11-26 10:00").hear("report.escalation_consented.v1")
    tower.at("2026-11-26 10:01").sweep()
    tower.append()

    assert tower.entries("handovers") == []


def test_consent_to_an_archived_case_counts_once_it_is_handled_again(tower: Tower) -> None:
    tower.open()
    tower.at("2027-01-04 10:00").sweep()  # H has passed
    tower.hear("case.archived.v1", reason="too_general")
    tower.at("2027-01-05 10:00").hear("report.escalation_consented.v1")
    tower.at("2027-01-05 10:01").sweep()
    tower.append()
    assert tower.entries("handovers") == []

    tower.at("2027-01-06 10:00").hear("case.objected.v1", status="unverified", objections=1)
    tower.at("2027-01-06 10:01").sweep()
    tower.append()

    assert [entry["subject"] for entry in tower.entries("handovers")] == [NUMBER]


def test_a_merge_takes_no_hand_over_away(tower: Tower) -> None:
    """S, on which it was due, counts with the other case from then on. H remains; it has passed."""
    tower.begin_work()
    tower.at("2026-12-20 10:00").sweep()
    tower.at("2027-01-03 10:00").hear("report.escalation_consented.v1")
    now = tower.at("2027-01-03 10:01").clock.now()
    with tower.db.begin() as tx:  # what is oldest: that H passed
        firing.fire(tx, clocks.locked(tx, NUMBER), tower.service.in_force(tx), {}, now, now)

    tower.hear("case.merged.v1", status="in_progress")
    tower.at("2027-01-03 10:02").sweep()
    tower.append()

    assert [entry["subject"] for entry in tower.entries("handovers")] == [NUMBER]


@pytest.mark.parametrize("measured", [True, False])
def test_a_limit_that_has_not_passed_after_all_hands_nothing_over(
    tower: Tower, measured: bool
) -> None:
    tower.begin_work()
    tower.at("2026-11-21 08:00").sweep()  # S passed on the twentieth
    tower.hear("report.escalation_consented.v1")
    tower.database.psql(DAY_OFF)
    if measured:
        tower.measure_stale()

    tower.at("2026-11-21 08:01").sweep()
    tower.append()
    assert tower.entries("handovers") == []

    tower.at("2026-11-24 00:00:05").sweep()
    tower.append()
    assert [entry["subject"] for entry in tower.entries("handovers")] == [NUMBER]


def test_who_has_consented_is_not_offered_it(tower: Tower) -> None:
    tower.begin_work()
    tower.hear("report.escalation_consented.v1")

    tower.at("2027-01-02 10:00").sweep()
    tower.append()

    assert tower.said("escalation.offered") == []
    assert len(tower.said("escalation.handed_over")) == 1


def test_a_case_that_was_handed_over_is_not_offered_again_however_often_it_is_reopened(
    tower: Tower,
) -> None:
    tower.begin_work()
    tower.at("2026-11-21 10:00").sweep()
    tower.hear("report.escalation_consented.v1")
    tower.at("2026-11-21 10:01").sweep()
    tower.append()
    tower.answer()
    tower.hear("case.closed.v1", how="accepted", cycle=1)
    tower.hear("case.reopened.v1", status="in_progress", cycle=2)

    tower.at("2027-02-01 10:00").sweep()
    tower.append()

    assert len(tower.said("escalation.offered")) == 1
    assert len(tower.entries("handovers")) == 1
    assert [line for line in tower.fired() if line.startswith("passed ")][1:] == [
        "passed S", "passed H",
    ]  # fmt: skip


def test_a_hand_over_that_should_be_made_and_is_not_shows(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-11-21 10:00").sweep()
    assert stalled(tower) == 0
    tower.hear("report.escalation_consented.v1")
    assert stalled(tower) == 1
    tower.hear("case.archived.v1", reason="too_general")
    assert stalled(tower) == 0

    tower.hear("case.objected.v1", status="unverified", objections=1)
    assert stalled(tower) == 1
    tower.at("2026-11-21 10:01").sweep()
    assert stalled(tower) == 0


def stalled(tower: Tower) -> float:
    with tower.db.begin() as tx:
        watching.show_handovers(tx, tower.clock.now())
    return float(metrics.STALLED._value.get())


def test_consent_may_arrive_before_the_case(tower: Tower) -> None:
    assert tower.hear("report.escalation_consented.v1") == "done"
    tower.open()

    tower.at("2027-01-02 10:00").sweep()
    tower.append()

    assert len(tower.entries("handovers")) == 1


def test_a_handed_over_case_tells_what_was_promised_and_names_nobody(tower: Tower) -> None:
    with tower.db.begin() as tx:  # a Saturday that counts, and is not among what did not
        worked = {"day": "2026-12-19", "rule": "worked", "name": "Piket", "decree": "Perbup 9"}
        tx.add(LocalDay(calendar="regency", **worked))
    tower.at("2026-12-14 10:00").open()
    tower.dispose()
    tower.hear("report.escalation_consented.v1")

    tower.at("2027-01-20 10:00").sweep()
    tower.append()

    [entry] = tower.entries("handovers")
    data = entry["data"]
    assert set(data) == {
        "kind", "class", "category", "agency", "status", "received_at", "consented_at", "clocks",
        "dossier", "handling_clocks",
    }  # fmt: skip
    settle = next(c for c in data["clocks"] if c["clock"] == "S")
    assert settle["due_at"] == end_of("2027-01-06")
    assert [day["on"] for day in settle["skipped"]] == [
        "2026-12-24", "2026-12-25", "2027-01-01", "2027-01-05",
    ]  # fmt: skip
    assert settle["skipped"][0]["basis"].startswith("SKB 3 Menteri 1497/2025")
