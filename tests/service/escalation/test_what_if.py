"""History under other rules: what would have been late, and who would have heard of it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from chassis.errors import Invalid
from chassis.schemas import load
from services.escalation.rules import hindsight, histories, regime, staffing
from services.escalation.rules.supposing import Supposed, suppose
from tests.harness.databases import Databases
from tests.service.escalation.tower import NUMBER, Tower, local

SECOND, THIRD, FOURTH = (f"KTB-34567-0000{n}" for n in range(3))


def step(tower: Tower, at: str) -> Tower:
    """On to a local time; what falls due on the way fires as it would, if only once a day."""
    until = local(at)
    while tower.clock.at + timedelta(days=1) < until:
        tower.clock.at += timedelta(days=1)
        tower.sweep()
    tower.at(at).sweep()
    return tower


@pytest.fixture(scope="module")
def history(databases: Databases, secrets_folder: Path) -> Iterator[Tower]:
    """Four cases: one late with everything; one in time; one that was asked for data for weeks,
    objected to and answered late; one supervisory, archived, revived and still open. Only read."""
    made = Tower(databases.fresh("escalation"), secrets_folder)
    live(made)
    yield made
    made.close()


def live(tower: Tower) -> None:
    for number in (NUMBER, SECOND, THIRD, FOURTH):
        tower.open(number)
    tower.database.psql(
        "INSERT INTO post_standing (post, standing, effective_from, decree, decided_by, decided_at)"
        " VALUES ('sekda', 'absent', '2026-11-19', 'SK', gen_random_uuid(), now()),"
        " ('sekda', 'deputised', '2026-12-01', 'SK', gen_random_uuid(), now())"
    )
    step(tower, "2026-11-04 09:00").dispose(SECOND, agency="rsud")
    tower.dispose(THIRD)
    tower.hear("case.followed_up.v1", SECOND, agency="rsud", first=True, cycle=1)
    tower.hear("case.followed_up.v1", THIRD, agency="dpupr", first=True, cycle=1)
    step(tower, "2026-11-05 10:00").hear("case.archived.v1", FOURTH)
    step(tower, "2026-11-06 16:00").hear(
        "case.data_requested.v1", THIRD, awaited_from="in_progress", status="awaiting_reporter"
    )
    step(tower, "2026-11-09 10:00").answer(SECOND)
    tower.deliver(SECOND)
    tower.hear("case.objected.v1", FOURTH, status="unverified")
    step(tower, "2026-11-17 10:00").dispose(NUMBER, agency="dpupr")
    step(tower, "2026-11-18 10:00").dispose(FOURTH, **{"class": "supervisory"}, agency="dpupr")
    step(tower, "2026-11-24 10:00").hear("case.resumed.v1", THIRD, status="in_progress")
    step(tower, "2026-12-11 10:00").answer(THIRD)
    tower.deliver(THIRD)
    step(tower, "2026-12-14 10:00").hear("case.objected.v1", THIRD, status="in_progress")
    step(tower, "2026-12-30 10:00").hear(
        "case.followed_up.v1", NUMBER, agency="dpupr", first=True, cycle=1
    )
    step(tower, "2027-01-18 10:00")


def compared(tower: Tower, document: object = None, **more: bool) -> dict:
    supposed = load(Supposed, document or {})
    with tower.db.begin() as tx:
        now = regime.current(tx, tower.settings.zone)
        lives = list(histories.lives(tx))
        posts = staffing.read(tx)
    return hindsight.compare(lives, now, suppose(now, supposed), tower.clock.now(), posts, **more)


def raised(tower: Tower) -> list[tuple[int, str, int]]:
    """Whom what was brought to, as it was really said."""
    rows = tower.database.psql(
        "SELECT (data->>'level')::int, data->>'to', count(*) FROM outbox"
        " WHERE type = 'escalation.raised.v1' GROUP BY 1, 2 ORDER BY 1, 2"
    )
    return [(level, to, n) for level, to, n in rows]


def test_the_same_rules_give_exactly_what_really_fired(history: Tower) -> None:
    told = compared(history)

    assert history.count("SELECT count(*) FROM due WHERE fired_at IS NOT NULL") > 20
    assert told["clocks"] == history.count("SELECT count(*) FROM clock")
    assert told["unlike_history"] == 0
    assert told["before"] == told["after"]
    assert told["newly_late"] == told["no_longer_late"] == []
    assert [(r["level"], r["to"], r["count"]) for r in told["before"]["raised"]] == raised(history)
    passed = history.database.psql(
        "SELECT clock, count(*) FROM clock WHERE passed_at IS NOT NULL AND clock NOT IN ('R', 'D')"
        " GROUP BY clock ORDER BY clock"
    )
    late: dict[str, int] = {}
    for found in told["before"]["late"]:
        late[found["clock"]] = late.get(found["clock"], 0) + found["count"]
    assert late == dict(passed)


def test_a_fact_that_did_not_happen_is_noticed(history: Tower) -> None:
    """The negative control: one wake-up that is said to have fired, and one at another time."""
    with history.db.begin() as tx:
        now = regime.current(tx, history.settings.zone)
        lives = list(histories.lives(tx))
    late = next(life for life in lives if life.fired)
    quiet = next(life for life in lives if not life.fired)
    [(what, at), *_] = late.fired
    changed = [
        replace(late, fired=late.fired - {(what, at)} | {(what, at - timedelta(days=1))}),
        replace(quiet, fired=frozenset({("passed", at)})),
    ]

    assert hindsight.compare(lives, now, now, history.clock.now())["unlike_history"] == 0
    assert hindsight.compare(changed, now, now, history.clock.now())["unlike_history"] == 2


def test_a_longer_limit_shows_who_would_have_been_in_time(history: Tower) -> None:
    longer = {"limits": [{"clock": "V", "days": 11, "unit": "working"}]}

    told = compared(history, longer, numbers=True)

    assert told["no_longer_late"] == [{"clock": "V", "agency": None, "count": 2}]
    assert told["newly_late"] == []
    assert told["numbers"] == {"newly_late": [], "no_longer_late": sorted([NUMBER, FOURTH])}


def test_a_shorter_limit_shows_who_would_have_been_late_and_at_which_agency(
    history: Tower,
) -> None:
    shorter = {"limits": [{"clock": "V", "days": 1, "unit": "working"}]}

    told = compared(history, shorter)

    assert {"clock": "V", "agency": None, "count": 2} in told["newly_late"]
    assert "numbers" not in told
    assert "KTB" not in json.dumps(told)


def test_a_limit_from_a_day_on_leaves_what_began_before_it(history: Tower) -> None:
    later = {
        "limits": [
            {"clock": "V", "days": 11, "unit": "working", "effective_from": "2026-11-03"},
        ]
    }

    assert compared(history, later)["no_longer_late"] == []


def test_another_ladder_shows_its_load_and_moves_no_limit(history: Tower) -> None:
    gentle = {
        "ladder": [
            {"clock": clock, "level": 2, "after_days": 20, "brought_to": "sekda"}
            for clock in ("V", "F", "S")
        ]
    }

    told = compared(history, gentle)

    def load(side: str) -> int:
        return sum(r["count"] for r in told[side]["raised"] if r["to"] == "sekda")

    assert load("after") < load("before")
    assert told["before"]["late"] == told["after"]["late"]


def test_days_off_that_were_not_move_what_ran_over_them(history: Tower) -> None:
    off = {"days": [{"day": f"2026-11-{day:02}", "rule": "off", "name": "banjir"}
                    for day in range(3, 18)]}  # fmt: skip

    told = compared(history, off)

    assert {"clock": "V", "agency": None, "count": 2} in told["no_longer_late"]


def test_another_week_moves_what_ran_over_the_days_that_it_adds(history: Tower) -> None:
    seven = {"weekdays": [0, 1, 2, 3, 4, 5, 6], "national_days": False, "joint_leave": False}
    four = {"weekdays": [0], "national_days": True, "joint_leave": True}

    busier, lazier = compared(history, {"weeks": [seven]}), compared(history, {"weeks": [four]})

    assert busier["newly_late"]
    assert not busier["no_longer_late"]
    assert {"clock": "V", "agency": None, "count": 2} in lazier["no_longer_late"]
    assert not lazier["newly_late"]


def test_a_week_from_a_day_on_leaves_what_ended_before_as_it_was(history: Tower) -> None:
    week = {"weekdays": [0], "national_days": True, "joint_leave": True}

    told = compared(history, {"weeks": [week | {"effective_from": "2040-01-01"}]})

    assert told["after"] == told["before"]
    same = {"weekdays": [0, 1, 2, 3, 4], "national_days": True, "joint_leave": True}
    assert compared(history, {"weeks": [same]})["after"] == told["before"]


def test_a_week_of_a_calendar_that_nobody_has_is_refused(history: Tower) -> None:
    week = {"weekdays": [0], "national_days": True, "joint_leave": True, "calendar": "unheard-of"}

    with pytest.raises(Invalid) as refused:
        compared(history, {"weeks": [week]})

    assert [(e["field"], e["rule"]) for e in refused.value.errors] == [
        ("weeks.0.calendar", "unknown")
    ]


def test_a_limit_that_would_be_missing_is_counted_and_not_taken_for_in_time(
    history: Tower,
) -> None:
    only_late = {
        "limits": [{"clock": "H", "days": 60, "unit": "calendar"}],
        "days": [{"day": "2026-12-24", "rule": "worked", "name": "Natal"}],
    }
    with history.db.begin() as tx:
        now = regime.current(tx, history.settings.zone)
        lives = list(histories.lives(tx))
    without = suppose(now, load(Supposed, only_late))
    without = replace(without, rules=tuple(r for r in without.rules if r.clock == "H"))

    told = hindsight.compare(lives, now, without, history.clock.now())

    assert told["before"]["undecidable"] == 0
    assert told["after"]["undecidable"] == sum(life.clock != "H" for life in lives)


@pytest.mark.parametrize(
    ("document", "field", "rule"),
    [
        ({"limits": [{"clock": "X", "days": 1, "unit": "working"}]}, "limits.0.clock", "one_of"),
        ({"limits": [{"clock": "V", "days": 0, "unit": "working"}]}, "limits.0.days", "range"),
        ({"limits": [{"clock": "V", "days": 1, "unit": "weeks"}]}, "limits.0.unit", "one_of"),
        ({"limits": [{"clock": "S", "kind": "aspiration", "class": "ordinary", "days": 1,
                      "unit": "working"}]}, "limits.0.class", "kind"),
        ({"ladder": [{"clock": "V", "level": 0, "after_days": 1, "brought_to": "holder"}]},
         "ladder.0.after_days", "level"),
        ({"ladder": [{"clock": "V", "level": 1, "after_days": -1, "brought_to": "sekda"}]},
         "ladder.0.after_days", "level"),
        ({"ladder": [{"clock": "V", "level": 1, "after_days": 1, "brought_to": "holder"}]},
         "ladder.0.brought_to", "level"),
        ({"ladder": [{"clock": "R", "level": 1, "after_days": 1, "brought_to": "sekda"}]},
         "ladder.0.clock", "level"),
        ({"days": [{"day": "2026-13-01", "rule": "off", "name": "x"}]}, "days.0.day", "type"),
        ({"days": [{"day": "2026-12-01", "rule": "national", "name": "x"}]}, "days.0.rule",
         "one_of"),
        ({"days": [{"day": "2026-12-01", "rule": "off", "name": "x", "calendar": "a b"}]},
         "days.0.calendar", "type"),
        ({"weekends": []}, "weekends", "unknown"),
    ],
)  # fmt: skip
def test_a_document_that_supposes_nonsense_is_refused(
    history: Tower, document, field, rule
) -> None:
    with pytest.raises(Invalid) as refused:
        compared(history, document)

    assert [(e["field"], e["rule"]) for e in refused.value.errors] == [(field, rule)]


def test_a_calendar_that_does_not_exist_is_refused(history: Tower) -> None:
    day = {"day": "2026-12-01", "rule": "off", "name": "x", "calendar": "moon"}
    with pytest.raises(Invalid) as refused:
        compared(history, {"days": [day]})

    assert refused.value.errors[0]["field"] == "days.0.calendar"


def test_pages_leave_nothing_out(history: Tower, monkeypatch) -> None:
    monkeypatch.setattr(histories, "A_PAGE", 3)

    assert compared(history)["clocks"] == history.count("SELECT count(*) FROM clock")
    with history.db.begin() as tx:
        first = histories.Bounded(histories.lives(tx), 7)
        assert (len([*first]), first.complete) == (7, False)
