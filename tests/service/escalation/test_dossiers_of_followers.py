"""The dossier of a case that follows another tells how that was handled, and nothing of what is its
reporter's: one handling, and each reporter's own view of it."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from tests.service.escalation.test_dossiers import CONSENT
from tests.service.escalation.tower import NUMBER, Tower

PARENT, GRAND = "KTB-23456-78901", "KTB-34567-89012"
FIRST_REPLY, SECOND_REPLY = str(uuid4()), str(uuid4())
EVIDENCE = "5f" * 32
TOLD = {"kind": "complaint", "class": "ordinary", "category": "jalan", "agency": "dpupr"}


def neglected(tower: Tower) -> None:
    """A case whose F passed, and its S up to the Bupati; then it is answered, and comes back."""
    tower.at("2026-08-03 10:00").open(PARENT)
    tower.hear("case.verified.v1", PARENT, **{"class": "ordinary"}, kind="complaint")
    tower.dispose(PARENT)
    tower.at("2026-11-02 10:00").sweep()
    tower.hear(
        "case.followed_up.v1", PARENT, agency="dpupr", first=True, cycle=1, reply_id=FIRST_REPLY,
        evidence=[EVIDENCE],
    )  # fmt: skip
    tower.at("2026-11-03 10:00").hear(
        "case.answered.v1", PARENT, agency="dpupr", cycle=1, reply_id=SECOND_REPLY
    )
    tower.at("2026-11-04 14:37:11").hear("case.objected.v1", PARENT, status="in_progress", cycle=2)


def join(tower: Tower, into: str = PARENT) -> None:
    """A later report is merged into that one, and its reporter consents without the form."""
    tower.at("2026-11-05 10:00").open()
    tower.hear("case.merged.v1", into=into, status="in_progress", cycle=1, **TOLD)
    tower.hear(CONSENT, sealed=None, key_id=None, sha256=None)


def handed_over(tower: Tower) -> tuple[dict[str, Any], dict[str, Any]]:
    """The follower's dossier, and what the feed's entry tells."""
    tower.at("2027-01-06 10:00").sweep()
    tower.append()
    [(content,)] = tower.database.psql("SELECT content FROM dossier WHERE number = %s", [NUMBER])
    [entry] = [e for e in tower.entries("handovers") if e["subject"] == NUMBER]
    return content, entry["data"]


def test_it_tells_the_clocks_the_ladder_and_the_steps_of_the_case_that_is_handled(
    tower: Tower,
) -> None:
    neglected(tower)
    join(tower)

    content, entry = handed_over(tower)

    assert {clock["clock"] for clock in content["clocks"]} == {"V", "H"}
    assert content["escalations"] == []
    handling = content["handling"]
    passed = {clock["clock"]: clock for clock in handling["clocks"] if clock["passed_on"]}
    assert passed.keys() == {"F", "S"}
    assert all(clock["days"] for clock in passed.values()), "every day behind it"
    assert passed["F"]["started_on"] == "2026-08-03"
    reached = {(one["clock"], one["to"]) for one in handling["escalations"]}
    assert {("F", "head_of_agency"), ("S", "bupati")} <= reached
    steps = [(line["what"], line["detail"]["agency"]) for line in handling["history"]]
    assert steps == [
        (what, "dpupr") for what in ("case.disposed", "case.followed_up", "case.answered")
    ]
    assert [one["sha256"] for one in handling["evidence"]] == [EVIDENCE]
    assert handling["complete"] is True
    assert [clock["clock"] for clock in entry["handling_clocks"]] == [
        clock["clock"] for clock in handling["clocks"]
    ]
    assert {"skipped", "passed_on"} <= entry["handling_clocks"][0].keys()


def test_nothing_of_what_is_the_other_reporters_stands_in_it(tower: Tower) -> None:
    """Neither whose case it is, nor when they wrote, objected or were silent."""
    neglected(tower)
    join(tower)

    content, entry = handed_over(tower)

    for document in (json.dumps(content), json.dumps(entry)):
        assert PARENT not in document
        assert "06:37" not in document, "the moment of the objection"
    assert {clock["clock"] for clock in content["handling"]["clocks"]} <= {"F", "S", "A"}
    whats = {line["what"] for line in content["handling"]["history"]}
    assert whats.isdisjoint({"case.opened", "case.objected", "case.closed", "case.reopened"})
    assert "objections" not in json.dumps(content["handling"])


def test_of_a_case_that_stands_alone_there_is_none(tower: Tower) -> None:
    tower.begin_work()
    tower.hear(CONSENT, sealed=None, key_id=None, sha256=None)

    content, entry = handed_over(tower)

    assert content["handling"] is entry["handling_clocks"] is None


def test_the_handling_is_that_of_the_last_one_where_one_follows_another(tower: Tower) -> None:
    tower.at("2026-08-03 10:00").open(GRAND)
    tower.dispose(GRAND)
    tower.at("2026-11-02 10:00").open(PARENT)
    tower.hear("case.merged.v1", PARENT, into=GRAND, status="disposed", cycle=1, **TOLD)
    join(tower)

    content, _ = handed_over(tower)

    assert {clock["clock"] for clock in content["handling"]["clocks"]} == {"F", "S"}


def test_that_nobody_knows_which_case_it_follows_is_said(tower: Tower) -> None:
    """It was merged before that was kept."""
    neglected(tower)
    join(tower)
    tower.database.psql("UPDATE case_state SET merged_into = NULL")

    content, entry = handed_over(tower)

    names = ("history", "clocks", "escalations", "evidence")
    nothing: dict[str, Any] = {name: [] for name in names}
    assert content["handling"] == {"complete": False, **nothing}
    assert entry["handling_clocks"] is None
