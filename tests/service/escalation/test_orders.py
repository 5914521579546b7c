"""What the Ombudsman orders is a limit like any other, which only its next answer ends."""

from __future__ import annotations

import math

from prometheus_client import REGISTRY

from services.escalation.watch import watching
from tests.service.escalation.overseer import Overseer
from tests.service.escalation.tower import Tower, end_of

OTHER = "KTB-22222-22222"


def orders(tower: Tower) -> dict[str, str]:
    return {name: how for name, how in tower.clocks().items() if name[0] in "CO"}


def test_a_corrective_action_is_to_be_done_in_30_days_from_its_receipt(
    tower: Tower, overseer: Overseer
) -> None:
    overseer.answers("received", "under_examination", "corrective_action")

    assert orders(tower) == {"C1": "2027-02-03"}
    started = tower.said("deadline.started")[-1]
    assert (started["clock"], started["due_at"]) == ("C", end_of("2027-02-03"))


def test_the_next_answer_stops_it_and_a_recommendation_has_60_days(
    tower: Tower, overseer: Overseer
) -> None:
    overseer.answers("received", "under_examination", "corrective_action")
    tower.at("2027-02-04 10:00")
    overseer.answers("recommendation")
    assert orders(tower) == {"C1": "stopped", "O1": "2027-04-05"}

    overseer.answers("closed")

    assert orders(tower) == {"C1": "stopped", "O1": "stopped"}


def test_what_is_not_done_climbs_the_ladder_and_is_an_open_breach(
    tower: Tower, overseer: Overseer
) -> None:
    overseer.answers("received", "under_examination", "corrective_action")
    before = len(tower.fired())

    tower.at("2027-02-12 10:00").sweep()
    tower.append()

    assert [fired for fired in tower.fired()[before:] if " C" in fired] == [
        "passed C", "raised C 1 head_of_agency", "raised C 2 sekda", "raised C 3 bupati",
    ]  # fmt: skip
    late = [entry["data"]["clock"] for entry in tower.entries("monitoring")]
    assert late[-1] == "C"

    overseer.answers("closed")
    tower.append()
    last = tower.entries("monitoring")[-1]
    assert (last["type"], last["data"]["how"]) == ("feed.breach.closed.v1", "stopped")


def test_closing_a_case_here_ends_neither_the_order_nor_the_return_path(
    tower: Tower, overseer: Overseer
) -> None:
    overseer.answers("received", "under_examination", "corrective_action")
    tower.hear("case.followed_up.v1", agency="dpupr", first=True, cycle=1)
    tower.answer()
    tower.hear("case.closed.v1", how="accepted", cycle=1)
    assert {how for name, how in tower.clocks().items() if name[0] not in "CO"} == {"stopped"}
    assert orders(tower) == {"C1": "2027-02-03"}

    overseer.answers("recommendation", "closed")

    assert tower.said("escalation.answered")[-1]["answer"] == "closed"
    assert set(orders(tower).values()) == {"stopped"}


def test_the_dashboard_shows_where_files_stand_and_how_long_is_left(
    tower: Tower, overseer: Overseer
) -> None:
    def shown(name: str, **labels: str) -> float | None:
        with tower.db.begin() as tx:
            watching.show_what_is_late(tx, tower.clock.now())
            watching.show_handovers(tx, tower.clock.now())
        return REGISTRY.get_sample_value(f"lapor_escalation_{name}", labels)

    tower.at("2027-01-05 10:00")
    assert shown("handovers", answer="none") == 1
    assert shown("unanswered_handover_seconds") == 86400
    assert math.isnan(shown("order_left_seconds", clock="C") or 0)

    overseer.answers("received", "under_examination", "corrective_action")
    tower.at("2027-02-05 00:00").sweep()

    assert shown("handovers", answer="none") == shown("unanswered_handover_seconds") == 0
    assert shown("handovers", answer="corrective_action") == 1
    assert shown("order_left_seconds", clock="C") == -1
    assert shown("open_breaches", clock="C") == 1


def test_a_case_that_follows_another_keeps_what_was_ordered_of_it(
    tower: Tower, overseer: Overseer
) -> None:
    tower.hear("case.merged.v1", into=OTHER, status="in_progress")

    overseer.answers("received", "under_examination", "corrective_action")

    assert orders(tower) == {"C1": "2027-02-03"}
