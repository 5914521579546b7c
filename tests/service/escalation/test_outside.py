"""Who recalls what they had forwarded outside has gained no time by it."""

from __future__ import annotations

from importlib import import_module

from tests.service.escalation.test_dossiers import consent, stored
from tests.service.escalation.tower import Tower
from tests.service.escalation.window import Window

MIGRATION = "services.escalation.migrations.versions.0037_forwarded_is_set_aside"


def forward(tower: Tower, moment: str) -> None:
    tower.at(moment).hear("case.forwarded.v1")
    assert set(tower.clocks().values()) == {"stopped"}


def recall(tower: Tower, moment: str) -> None:
    told = {"decider": "coordinator", "passes_by": [], "cycle": 1}
    tower.at(moment).hear("case.recalled.v1", **told)


def test_its_clocks_go_on_as_if_it_had_not_been_outside(tower: Tower, window: Window) -> None:
    tower.open()
    before = tower.clocks()
    forward(tower, "2026-11-03 10:00")

    recall(tower, "2026-11-05 10:00")

    assert tower.clocks() == before
    assert tower.said("deadline.recomputed") == []
    limit = window.told("explain")["V1"]
    assert [day["verdict"] for day in limit["days"]] == ["counted"] * 3
    assert (limit["state"], limit["ends_on"]) == ("running", "2026-11-05")


def test_what_ended_meanwhile_has_passed_and_whoever_stands_above_hears_of_it(tower: Tower) -> None:
    tower.open()
    forward(tower, "2026-11-04 10:00")
    tower.at("2026-11-09 10:00").sweep()
    assert tower.fired() == []

    recall(tower, "2026-11-09 10:00")
    tower.at("2026-11-09 10:01").sweep()

    assert tower.fired() == ["passed V", "raised V 1 head_of_coordinator"]
    [passed] = tower.said("deadline.passed")
    assert passed["ends_on"] == "2026-11-05"


def test_neither_a_return_nor_its_arbiter_gains_time_by_it(tower: Tower) -> None:
    tower.open()
    tower.dispose()
    tower.hear("case.returned.v1", returns=2, status="unverified")
    before = tower.clocks()
    forward(tower, "2026-11-03 10:00")

    recall(tower, "2026-11-03 16:00")

    assert tower.clocks() == before
    assert {name for name, day in before.items() if day != "stopped"} == {"H1", "F1", "S1", "A1"}


def test_the_reporters_right_to_the_ombudsman_counts_from_receipt_all_the_same(
    tower: Tower,
) -> None:
    tower.open()
    consent(tower)
    forward(tower, "2026-11-04 10:00")
    tower.at("2027-01-10 10:00").sweep()
    tower.append()
    assert tower.entries("handovers") == []

    recall(tower, "2027-01-10 10:00")
    tower.at("2027-01-10 10:01").sweep()
    tower.append()

    assert len(tower.entries("handovers")) == 1


def test_after_an_objection_the_days_outside_stay_given(tower: Tower) -> None:
    """The reporter wanted it back: what was left is left. A recall after that gives none."""
    tower.open()
    forward(tower, "2026-11-04 10:00")
    tower.at("2026-11-10 10:00").hear("case.objected.v1", status="unverified", cycle=2)
    assert tower.clocks()["V1"] == "2026-11-12"
    forward(tower, "2026-11-11 10:00")

    recall(tower, "2026-11-12 10:00")

    assert tower.clocks()["V1"] == "2026-11-12"


def test_what_was_forwarded_before_is_set_aside_with_the_clocks_that_it_stopped(
    tower: Tower,
) -> None:
    tower.open()
    tower.dispose()
    tower.hear("case.returned.v1", returns=1, status="unverified")
    before = tower.clocks()
    forward(tower, "2026-11-03 10:00")
    tower.database.psql("UPDATE clock SET set_aside = false")

    tower.database.psql(import_module(MIGRATION).SET_ASIDE)

    recall(tower, "2026-11-03 16:00")
    assert tower.clocks() == before


def test_what_was_forwarded_while_nobody_set_it_aside_is_watched_again(tower: Tower) -> None:
    """By the version before, and after the migration had run."""
    tower.open()
    forward(tower, "2026-11-04 10:00")
    tower.database.psql("UPDATE clock SET set_aside = false")

    recall(tower, "2026-11-10 10:00")

    assert tower.clocks() == {"V1": "2026-11-12", "H1": "2027-01-08"}


def test_a_word_from_outside_moves_nothing_and_stands_in_the_dossier(tower: Tower) -> None:
    tower.open()
    consent(tower)
    forward(tower, "2026-11-04 10:00")
    tower.at("2026-11-06 10:00").hear("case.word_relayed.v1", said_on="2026-11-05", cycle=1)
    assert set(tower.clocks().values()) == {"stopped"}

    recall(tower, "2027-01-10 10:00")
    tower.at("2027-01-10 10:01").sweep()
    tower.append()

    history = stored(tower)[0]["history"]
    assert [line["what"] for line in history[:4]] == [
        "case.opened", "case.forwarded", "case.word_relayed", "case.recalled",
    ]  # fmt: skip
    assert history[2]["detail"]["said_on"] == "2026-11-05"
