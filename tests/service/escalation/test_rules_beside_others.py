"""What is decreed holds for somebody and is told in its order, or is refused; what stood in the
tables before that was so is shown as it is, and goes on."""

from typing import Any

import pytest

from tests.service.escalation.desk import LIMIT, RUNG, Desk
from tests.service.escalation.tower import Tower

FOR_ALL = LIMIT | {"clock": "S", "days": 10}
FORMERLY = (
    "INSERT INTO limit_rule (clock, days, unit, effective_from, decree)"
    " VALUES ('S', 10, 'working', %s, 'Perbup 70/2026')"
)


def states(desk: Desk) -> dict[str, str]:
    return {d["decree"]: d["state"] for d in desk.see("limits")["limits"] if d["clock"] == "S"}


@pytest.mark.parametrize("preview", [{}, {"preview": "true"}])
def test_a_limit_that_would_hold_for_nobody_is_refused_and_leaves_nothing(
    tower: Tower, desk: Desk, preview: dict[str, str]
) -> None:
    version = tower.count("SELECT version FROM regime")

    answer = desk.ask("POST", "limits", FOR_ALL, key="f" * 16, **preview)

    assert answer.status_code == 422
    [wrong] = answer.json["errors"]
    assert (wrong["field"], wrong["rule"]) == ("kind", "overridden")
    for narrower in ("supervisory complaint", "ordinary complaint", "aspiration"):
        assert f"{narrower} (limit " in wrong["message"]
    assert tower.count("SELECT version FROM regime") == version
    assert tower.count("SELECT count(*) FROM amendment") == 0
    assert tower.count("SELECT count(*) FROM feed_pending") == 0


def test_what_the_refusal_names_can_be_decreed_and_then_holds(tower: Tower, desk: Desk) -> None:
    tower.begin_work()

    desk.decree("limits", FOR_ALL, kind="complaint", **{"class": "ordinary"})
    tower.measure_stale()

    assert [d["reason"] for d in tower.said("deadline.recomputed")] == ["limit"]


@pytest.mark.parametrize("since", ["2026-11-01", "2026-12-01"])
def test_a_limit_that_stands_for_nobody_is_shown_so(tower: Tower, desk: Desk, since: str) -> None:
    tower.database.psql(FORMERLY, parameters=[since])
    tower.begin_work()

    assert states(desk).pop("Perbup 70/2026") == "overridden"
    assert tower.clocks()["S1"] == "2026-11-20"  # fourteen days, by what is narrower
    tower.database.psql(FORMERLY.replace("70", "69"), parameters=[since])
    assert states(desk)["Perbup 70/2026"] == "superseded"
    assert states(desk)["Perbup 69/2026"] == "overridden"


@pytest.mark.parametrize(
    "body",
    [RUNG | {"level": 1, "after_days": 4}, RUNG | {"level": 3, "after_days": 2}],
)
def test_a_rung_that_would_be_told_out_of_order_is_refused(
    tower: Tower, desk: Desk, body: dict[str, Any]
) -> None:
    assert desk.refused("ladder", body) == [("after_days", "order")]
    assert desk.ask("POST", "ladder", body, preview="true").status_code == 422
    assert tower.count("SELECT count(*) FROM amendment") == 0


def test_a_ladder_that_stood_out_of_order_goes_on_and_can_be_put_right(
    tower: Tower, desk: Desk
) -> None:
    tower.database.psql(
        "INSERT INTO ladder_rule (clock, level, after_days, brought_to, effective_from, decree)"
        " VALUES ('V', 2, 0, 'sekda', '2026-01-01', 'x'),"
        " ('V', 1, 1, 'head_of_coordinator', '2026-01-01', 'x'),"
        " ('H', 0, -1, 'holder', '2026-01-01', 'x')"
    )
    tower.open()
    tower.at("2026-11-06 08:00").sweep()

    assert tower.fired() == ["passed V", "raised V 2 sekda"]
    desk.decree("ladder", RUNG, after_days=2, effective_from="2026-11-06")
    assert len(desk.see("ladder")["ladder"]) > 1
